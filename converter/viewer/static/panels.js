// The side panel: layers, channels, frames, associated images, metadata.
import { make, section, settled, slider } from "./dom.js";

const PALETTES = ["viridis", "magma", "inferno", "turbo", "coolwarm", "white", "red", "lime", "blue"];
const BLENDS = { "source-over": "over", multiply: "multiply", screen: "screen", lighter: "add", difference: "difference" };
const PRESETS = {
  "as it comes": null,
  "min – max": (values) => [values.min, values.max],
  "1 – 99 %": (values) => [values.low, values.high],
};

export function layerPanel(layer, page) {
  const rows = [];
  if (layer.facts.live) {
    layer.progress = make("progress", { max: 1, value: 0 });
    layer.counter = make("span", { className: "counter" }, layer.facts.waiting ? "waiting for the first tile" : "");
    rows.push(make("div", { className: "row" }, layer.progress, layer.counter));
  }
  const visible = make("input", {
    type: "checkbox", checked: layer.on, ariaLabel: `show ${layer.facts.name}`,
    onchange: () => { layer.on = visible.checked; page.arrange(); },
  });
  if (!layer.base) {
    rows.push(slider("opacity", 0, 1, layer.opacity, (value) => { layer.opacity = value; page.arrange(); }, 0.05).row);
    rows.push(choice("blend", BLENDS, layer.blend, (value) => { layer.blend = value; page.arrange(); }));
  }
  const redraw = settled(() => page.reload(layer));
  if (layer.channels.length) rows.push(channelRows(layer, page, redraw));
  if (layer.facts.kind === "values" || (layer.facts.kind === "labels" && !layer.base)) rows.push(...valueRows(layer, page, redraw));
  const title = make("span", { title: layer.facts.name }, layer.facts.name);
  const head = make("summary", {}, visible, title);
  return make("details", { open: true, className: "layer" }, head, ...rows);
}

function choice(label, options, value, change) {
  const select = make("select", { ariaLabel: label, onchange: () => change(select.value) });
  for (const [key, text] of Object.entries(options)) select.append(make("option", { value: key, selected: key === value }, text));
  return make("label", { className: "row" }, make("span", {}, label), select);
}

function valueRows(layer, page, redraw) {
  const rows = [];
  const palettes = Object.fromEntries(PALETTES.map((name) => [name, name]));
  const all = layer.base ? { "": "as it is", ...palettes } : { ...palettes, labels: "a colour a number" };
  rows.push(choice("palette", all, layer.labels ? "labels" : layer.palette || "", (value) => {
    layer.labels = value === "labels";
    layer.palette = layer.labels ? null : value || null;
    redraw();
  }));
  const histogram = make("canvas", { className: "histogram", width: 256, height: 48 });
  const box = make("div", { className: "values" }, histogram);
  page.histogram(layer, layer.band).then((values) => {
    draw(histogram, values);
    const span = values.max - values.min || 1;
    const step = span / 200;
    const set = (name) => (value) => { layer[name] = value; redraw(); };
    box.append(
      slider("low", values.min, values.max, layer.low ?? values.min, set("low"), step).row,
      slider("high", values.min, values.max, layer.high ?? values.max, set("high"), step).row,
      slider("threshold", values.min, values.max, layer.threshold ?? values.min, set("threshold"), step).row,
    );
  }).catch(() => {});
  rows.push(box);
  return rows;
}

function channelRows(layer, page, redraw) {
  const list = make("div", { className: "channels" });
  const all = [];
  for (const channel of layer.channels) {
    const change = () => { layer.touched = true; redraw(); };
    const on = make("input", { type: "checkbox", checked: channel.on, ariaLabel: `show ${channel.name}`, onchange: () => { channel.on = on.checked; change(); } });
    const color = make("input", { type: "color", value: channel.color, ariaLabel: `colour of ${channel.name}`, oninput: () => { channel.color = color.value; change(); } });
    const histogram = make("canvas", { className: "histogram", width: 256, height: 40 });
    const box = make("div", { className: "window", hidden: true }, histogram);
    let loaded = null;
    const load = () => (loaded ||= page.histogram(layer, channel.index).then((values) => {
      draw(histogram, values, channel.color);
      const step = (values.max - values.min || 1) / 250;
      const low = slider("low", values.min, values.max, channel.low ?? values.low, (value) => { channel.low = value; change(); }, step);
      const high = slider("high", values.min, values.max, channel.high ?? values.high, (value) => { channel.high = value; change(); }, step);
      box.append(low.row, high.row);
      return { values, set: (a, b) => { low.input.value = a; high.input.value = b; low.shown.textContent = a; high.shown.textContent = b; } };
    }));
    const more = make("button", { title: `window of ${channel.name}`, onclick: () => { box.hidden = !box.hidden; load(); } }, "◐");
    all.push({ channel, load });
    list.append(make("div", { className: "row channel" }, on, color, make("span", { title: channel.name }, channel.name), more), box);
  }
  const presets = Object.fromEntries(Object.keys(PRESETS).map((name) => [name, name]));
  list.prepend(choice("contrast", presets, "as it comes", async (name) => {
    layer.touched = true;
    for (const { channel, load } of all) {
      if (PRESETS[name] === null) { channel.low = channel.high = null; continue; }
      const { values, set } = await load();
      [channel.low, channel.high] = PRESETS[name](values);
      set(channel.low, channel.high);
    }
    redraw();
  }));
  return list;
}

function draw(canvas, values, color = "#9ac") {
  const pen = canvas.getContext("2d");
  const most = Math.log1p(Math.max(1, ...values.counts));
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = color;
  values.counts.forEach((count, at) => {
    const height = (Math.log1p(count) / most) * canvas.height;
    pen.fillRect((at * canvas.width) / values.counts.length, canvas.height - height, canvas.width / values.counts.length, height);
  });
}

export function framePanel(base, position, change) {
  const rows = [];
  for (const axis of base.axes) {
    if (axis.size < 2 || (base.kind === "channels" && axis.name === "c")) continue;
    const made = slider(axis.name, 0, axis.size - 1, position[axis.name] || 0, (value) => {
      const named = axis.values[value];
      made.shown.textContent = named ? `${named}${axis.unit ? ` ${axis.unit}` : ""}` : String(value);
      change(axis.name, value);
    });
    rows.push(made.row);
  }
  return rows.length ? section("frames", true, ...rows) : null;
}

// Labels and macros may name a patient: each is fetched only when somebody asks for it.
export function associatedPanel(layer, transport) {
  const rows = layer.facts.associated.map((name, number) => {
    const box = make("div", {});
    const button = make("button", {
      onclick: async () => {
        if (box.firstChild) { box.replaceChildren(); return; }
        const blob = await transport.blob(`associated/${layer.number}/${number}`);
        box.replaceChildren(make("img", { src: URL.createObjectURL(blob), alt: name }));
      },
    }, name);
    return make("div", { className: "associated" }, button, box);
  });
  return rows.length ? section("associated images", false, ...rows) : null;
}

export function metadataPanel(layer) {
  const text = JSON.stringify(layer.facts.metadata, null, 1);
  return section("metadata", false, make("pre", {}, text));
}
