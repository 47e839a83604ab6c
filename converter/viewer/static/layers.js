// Layers: an image of the server, how it looks, and its tiles on the screen.

// A frame number is the C-order index of its position; axes come slowest first.
export function frameOf(facts, position) {
  let frame = 0;
  for (const axis of facts.axes) {
    const at = Math.min(position[axis.name] || 0, axis.size - 1);
    frame = frame * axis.size + (facts.kind === "channels" && axis.name === "c" ? 0 : at);
  }
  return frame;
}

export function channelsOf(facts) {
  const axis = facts.axes.find((one) => one.name === "c");
  const colors = ["#ff0000", "#00ff00", "#0000ff", "#ffff00", "#ff00ff", "#00ffff"];
  const count = axis && facts.bands === 1 ? axis.size : facts.bands;
  const white = count === 1;
  return Array.from({ length: count }, (_, index) => {
    const known = axis && facts.bands === 1 ? facts.channels[index] : null;
    return {
      index,
      name: known?.name || axis?.values[index] || facts.bandNames[index] || `channel ${index + 1}`,
      color: known?.color || (white ? "#ffffff" : colors[index % colors.length]),
      on: index < 6,
      low: null,
      high: null,
    };
  });
}

export class Layer {
  constructor(number, facts, base) {
    this.number = number;
    this.facts = facts;
    this.base = base;
    this.on = true;
    this.opacity = base ? 1 : 0.6;
    this.blend = "source-over";
    this.channels = facts.kind === "channels" ? channelsOf(facts) : [];
    this.touched = false; // channels as style='auto' chooses them until somebody says otherwise
    this.palette = facts.kind === "values" && !base ? "viridis" : null;
    this.threshold = null;
    this.low = null;
    this.high = null;
    this.band = 0;
    this.labels = facts.kind === "labels" && !base;
    this.item = null; // OpenSeadragon's
    this.version = 0; // tiles that are in a growing sink, as far as is known here
    this.changes = []; // what came in: { upto, rects }, rects null for anything
    this.loaded = new Map(); // at which version a tile was loaded, by its key
    this.fresh = new Map(); // and the pixels of tiles that were fetched anew: { version, blob }
  }

  look() {
    if (this.labels) return { labels: true, band: this.band };
    if (this.palette) {
      return { palette: this.palette, band: this.band, low: this.low, high: this.high, threshold: this.threshold };
    }
    if (this.facts.kind === "channels" && this.touched) {
      const on = this.channels.filter((channel) => channel.on);
      const shown = on.length ? on : [{ ...this.channels[0], color: "#000000" }];
      return { channels: shown.map((one) => [one.index, one.color, one.low, one.high]) };
    }
    return null;
  }

  path(z, x, y, frame) {
    const look = this.look();
    const words = new URLSearchParams({ frame });
    if (look) words.set("look", JSON.stringify(look));
    return `tile/${this.number}/${z}/${x}/${y}?${words}`;
  }

  // What to keep in a link.
  state() {
    const { on, opacity, blend, touched, palette, threshold, low, high, band, labels } = this;
    const channels = touched ? this.channels.map(({ color, on, low, high }) => ({ color, on, low, high })) : null;
    return { on, opacity, blend, touched, palette, threshold, low, high, band, labels, channels };
  }

  restore(state) {
    for (const name of ["on", "opacity", "blend", "touched", "palette", "threshold", "low", "high", "band", "labels"]) {
      if (state[name] !== undefined) this[name] = state[name];
    }
    (state.channels || []).forEach((channel, index) => Object.assign(this.channels[index] || {}, channel));
  }
}

// What every drawer takes: a canvas with the picture in it.
export async function pictureOf(blob) {
  const bitmap = await createImageBitmap(blob);
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(bitmap, 0, 0);
  bitmap.close();
  return pen;
}

export function tileSource(layer, transport, frame) {
  const facts = layer.facts;
  const source = new OpenSeadragon.TileSource({
    width: facts.width,
    height: facts.height,
    tileWidth: facts.tileWidth,
    tileHeight: facts.tileHeight,
    minLevel: 0,
    maxLevel: facts.levels - 1,
  });
  source.getTileUrl = (z, x, y) => layer.path(z, x, y, frame);
  source.getTileHashKey = (z, x, y) => `${layer.number}:${layer.path(z, x, y, frame)}`;
  source.downloadTileStart = (context) => {
    const stop = new AbortController();
    context.userData.stop = stop;
    const version = layer.version;
    transport.blob(context.src, stop.signal).then(
      (blob) => {
        if (facts.live) layer.loaded.set(`${layer.number}:${context.src}`, blob.stale ? -1 : version);
        return pictureOf(blob).then((picture) => context.finish(picture, null, "context2d"));
      },
    ).catch(
      (error) => { if (error.name !== "AbortError") context.fail(String(error), null); },
    );
  };
  source.downloadTileAbort = (context) => context.userData.stop?.abort();
  return source;
}

// How wide a layer lies on the base, whose width is 1: by millimetres where both know them.
export function widthOn(base, facts) {
  if (base === facts || base.map || facts.map || !base.mm_x || !facts.mm_x) return 1;
  return (facts.width * facts.mm_x) / (base.width * base.mm_x);
}
