// What lies over the picture: scale bar, magnification, place and value under the pointer.
import { make, settled } from "./dom.js";

const STEPS = [1, 2, 5];

export function niceLength(longest) {
  let best = 10 ** Math.floor(Math.log10(longest));
  for (const step of STEPS) if (step * 10 ** Math.floor(Math.log10(longest)) <= longest) best = step * 10 ** Math.floor(Math.log10(longest));
  return best;
}

export function lengthText(mm) {
  if (mm >= 1e6) return `${round(mm / 1e6)} km`;
  if (mm >= 1000) return `${round(mm / 1000)} m`;
  if (mm >= 1) return `${round(mm)} mm`;
  if (mm >= 0.001) return `${round(mm * 1000)} µm`;
  return `${round(mm * 1e6)} nm`;
}

function round(number) {
  return Number(number.toPrecision(3)).toString();
}

export function scaleBar(viewer, facts) {
  const line = make("div", { className: "line" });
  const text = make("div", {});
  const bar = make("div", { className: "scalebar", hidden: !facts.mm_x || Boolean(facts.map) }, line, text);
  const draw = () => {
    const item = viewer.world.getItemAt(0);
    if (!item || bar.hidden) return;
    const zoom = item.viewportToImageZoom(viewer.viewport.getZoom(true)); // screen pixels an image pixel
    const mm = niceLength((150 * facts.mm_x) / zoom);
    line.style.width = `${(mm / facts.mm_x) * zoom}px`;
    text.textContent = lengthText(mm);
  };
  viewer.addHandler("animation", draw);
  viewer.addHandler("open", draw);
  viewer.addHandler("resize", draw);
  viewer.world.addHandler("add-item", draw);
  return bar;
}

export function magnifications(viewer, facts) {
  const native = facts.magnification;
  const zoomTo = (zoom) => {
    const item = viewer.world.getItemAt(0);
    if (item) viewer.viewport.zoomTo(item.imageToViewportZoom(zoom));
  };
  const choices = native ? [1, 2.5, 5, 10, 20, 40, 60].filter((m) => m <= native * 1.01) : [];
  const buttons = choices.map((m) => make("button", { title: `magnification ${m}`, onclick: () => zoomTo(m / native) }, `${m}×`));
  buttons.push(make("button", { title: "one image pixel a screen pixel", onclick: () => zoomTo(1) }, "1:1"));
  buttons.push(make("button", { title: "all of it (0)", onclick: () => viewer.viewport.goHome() }, "fit"));
  return make("div", { className: "magnifications" }, ...buttons);
}

function degrees(x, y) {
  const radius = 6378137;
  const longitude = (x / radius) * (180 / Math.PI);
  const latitude = (2 * Math.atan(Math.exp(y / radius)) - Math.PI / 2) * (180 / Math.PI);
  const ns = latitude < 0 ? "S" : "N";
  const ew = longitude < 0 ? "W" : "E";
  return `${Math.abs(latitude).toFixed(5)}° ${ns}, ${Math.abs(longitude).toFixed(5)}° ${ew}`;
}

export function pointer(viewer, layers, transport, frameFor) {
  const place = make("span", { className: "place" });
  const value = make("span", { className: "value" });
  const base = layers[0].facts;
  const ask = settled(async (x, y) => {
    const texts = [];
    for (const layer of layers.filter((one) => one.on && !one.facts.waiting)) {
      const scale = layer.facts.width / base.width / (layer.width || 1);
      const words = new URLSearchParams({ x: Math.floor(x * scale), y: Math.floor(y * scale), frame: frameFor(layer) });
      try {
        const found = await transport.json(`value/${layer.number}?${words}`);
        if (found.value.length) texts.push(found.value.join(", "));
      } catch {
        return;
      }
    }
    value.textContent = texts.join("  |  ");
  }, 80);
  const move = (event) => {
    const item = viewer.world.getItemAt(0);
    if (!item) return;
    const box = viewer.element.getBoundingClientRect();
    const at = item.viewerElementToImageCoordinates(new OpenSeadragon.Point(event.clientX - box.left, event.clientY - box.top));
    const inside = at.x >= 0 && at.y >= 0 && at.x < base.width && at.y < base.height;
    if (!inside) { place.textContent = ""; value.textContent = ""; return; }
    const parts = [`${Math.floor(at.x)}, ${Math.floor(at.y)}`];
    if (base.map) {
      const half = Math.PI * 6378137; // the square of the web's map
      parts[0] = degrees((at.x / base.width) * 2 * half - half, half - (at.y / base.height) * 2 * half);
    } else if (base.mm_x && base.mm_y) {
      parts.push(`${lengthText(at.x * base.mm_x)}, ${lengthText(at.y * base.mm_y)}`);
    }
    place.textContent = parts.join("  ·  ");
    ask(at.x, at.y);
  };
  viewer.element.addEventListener("pointermove", move);
  return make("div", { className: "pointer" }, place, value);
}
