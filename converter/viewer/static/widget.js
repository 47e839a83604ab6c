// The viewer in a notebook. widget.py puts MODULES and LIBRARY in front of this text. The page's modules import
// each other by name, so each becomes the address of a blob here.
function addressOf(name, known) {
  if (known[name]) return known[name];
  const text = MODULES[name].replace(/from "\.\/([a-z]+\.js)"/g, (_, other) => `from "${addressOf(other, known)}"`);
  known[name] = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  return known[name];
}

class WidgetTransport {
  constructor(model) {
    this.model = model;
    this.asked = 0;
    this.open = new Map();
    this.listeners = new Set();
    model.on("msg:custom", (message, buffers) => {
      if (message.news) { for (const hear of this.listeners) hear(message.news); return; }
      const waiting = this.open.get(message.id);
      this.open.delete(message.id);
      if (!waiting) return;
      if (message.status >= 400) waiting.reject(new Error(message.error || String(message.status)));
      else waiting.resolve(Object.assign(new Blob(buffers, { type: message.type }), { stale: message.status === 203 }));
    });
  }

  blob(path, signal) {
    const id = ++this.asked;
    signal?.addEventListener("abort", () => {
      this.open.delete(id);
      this.model.send({ cancel: id });
    });
    return new Promise((resolve, reject) => {
      this.open.set(id, { resolve, reject });
      this.model.send({ id, path });
    });
  }

  async json(path) {
    return JSON.parse(await (await this.blob(path)).text());
  }

  listen(hear) {
    this.listeners.add(hear);
    this.model.send({ listen: true });
    return () => this.listeners.delete(hear);
  }
}

export default {
  async render({ model, el }) {
    if (typeof OpenSeadragon === "undefined") (0, eval)(`(function (define, module, exports) {${LIBRARY}\n}).call(window)`);
    const { mount } = await import(addressOf("viewer.js", {}));
    const root = document.createElement("div");
    root.style.height = "600px";
    el.append(root);
    const page = await mount(root, new WidgetTransport(model));
    return () => page?.live.stop();
  },
};
