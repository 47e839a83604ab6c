// The viewer: puts layers, tools and panels together in one element.
import { Curtain, together } from "./compare.js";
import { make, section, settled } from "./dom.js";
import { frameOf, Layer, tileSource, widthOn } from "./layers.js";
import { Live } from "./live.js";
import { associatedPanel, framePanel, layerPanel, metadataPanel } from "./panels.js";
import { magnifications, pointer, scaleBar } from "./tools.js";

const MISSING = "The page's library, OpenSeadragon, was not there when this package was built. " +
  "Build it again with a network: pip install --force-reinstall --no-binary ziggurat ziggurat[view]";

function screen(element, navigator) {
  return OpenSeadragon({
    element,
    drawer: "canvas",
    showNavigationControl: false,
    showNavigator: navigator,
    navigatorPosition: "BOTTOM_RIGHT",
    navigatorSizeRatio: 0.15,
    maxZoomPixelRatio: 16,
    minZoomImageRatio: 0.5,
    visibilityRatio: 0.3,
    animationTime: 0.4,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    zoomPerScroll: 1.4,
    imageLoaderLimit: 8,
    timeout: 120000,
    tileRetryMax: 2,
  });
}

class Page {
  constructor(root, transport, images, options) {
    this.transport = transport;
    this.options = options;
    this.position = {};
    this.layers = images.map((facts, number) => new Layer(number, facts, number === 0));
    this.root = root;
    const stage = make("div", { className: "stage" });
    const panel = make("aside", { className: "panel" });
    root.replaceChildren(stage, panel);
    this.stage = stage;
    this.panel = panel;
    const element = make("div", { className: "screen" });
    stage.append(element);
    this.viewer = screen(element, true);
    this.restore();
    this.build();
  }

  get base() {
    return this.layers[0];
  }

  frame(layer) {
    return frameOf(layer.facts, this.position);
  }

  build() {
    const { viewer, stage, base } = this;
    if (base.facts.waiting) stage.append(make("div", { className: "waiting" }, "waiting for the first tile"));
    this.curtain = new Curtain(viewer, this.layers);
    stage.append(this.curtain.bar);
    stage.append(scaleBar(viewer, base.facts), magnifications(viewer, base.facts));
    stage.append(pointer(viewer, this.layers, this.transport, (layer) => this.frame(layer)));
    this.fill();
    this.layers.forEach((layer) => this.reload(layer));
    viewer.addHandler("animation-finish", () => this.remember());
    viewer.addHandler("rotate", () => this.remember());
    stage.tabIndex = 0;
    stage.addEventListener("keydown", (event) => this.key(event));
    this.live = new Live(viewer, this.layers, this.transport, (layer, news) => this.tell(layer, news));
  }

  fill() {
    const { base } = this;
    const frames = base.facts.waiting ? null : framePanel(base.facts, this.position, settled((name, value) => {
      this.position[name] = value;
      this.layers.forEach((layer) => this.reload(layer));
      this.remember();
    }, 60));
    const buttons = make("div", { className: "row buttons" },
      make("button", { title: "turn left (r with shift)", onclick: () => this.turn(-90) }, "⟲"),
      make("button", { title: "turn right (r)", onclick: () => this.turn(90) }, "⟳"),
      make("button", { title: "full screen (f)", onclick: () => this.full() }, "⛶"),
      this.layers.length > 1 ? make("button", { title: "curtain (c)", onclick: () => this.toggleCurtain() }, "curtain") : null,
      this.layers.length > 1 ? make("button", { title: "side by side (s)", onclick: () => this.toggleSide() }, "side by side") : null,
    );
    const parts = [buttons, frames];
    for (const layer of this.layers) {
      parts.push(layerPanel(layer, this));
      if (layer.facts.waiting) continue;
      parts.push(associatedPanel(layer, this.transport), metadataPanel(layer));
    }
    this.panel.replaceChildren(...parts.filter(Boolean));
  }

  histogram(layer, channel) {
    const axis = layer.facts.axes.find((one) => one.name === "c" && layer.facts.bands === 1);
    const position = axis ? { ...this.position, c: channel } : this.position;
    const frame = frameOf({ ...layer.facts, kind: "" }, position);
    const words = new URLSearchParams({ frame, band: axis ? 0 : channel });
    return this.transport.json(`histogram/${layer.number}?${words}`);
  }

  // Tiles of another look or frame take the place of the old ones when they have come.
  reload(layer) {
    if (layer.facts.waiting) return;
    layer.width = widthOn(this.base.facts, layer.facts);
    layer.loaded.clear();
    layer.fresh.clear();
    const old = layer.item;
    this.viewer.addTiledImage({
      tileSource: tileSource(layer, this.transport, this.frame(layer)),
      index: old ? this.viewer.world.getIndexOfItem(old) : undefined,
      replace: Boolean(old),
      x: 0, y: 0, width: layer.width,
      opacity: layer.on ? layer.opacity : 0,
      compositeOperation: layer.blend,
      success: ({ item }) => {
        layer.item = item;
        this.order();
        if (layer.base && (!old || layer.grown)) requestAnimationFrame(() => this.home());
        layer.grown = false;
        this.curtain.clip();
      },
    });
    this.remember();
  }

  // Images come in any order; they lie in the order of the layers.
  order() {
    const { world } = this.viewer;
    this.layers.filter((layer) => layer.item).forEach((layer, index) => world.setItemIndex(layer.item, index));
  }

  arrange() {
    for (const layer of this.layers) {
      layer.item?.setOpacity(layer.on ? layer.opacity : 0);
      layer.item?.setCompositeOperation(layer.blend);
    }
    this.remember();
  }

  home() {
    const { viewport } = this.viewer;
    const { map, width, height } = this.base.facts;
    if (this.view) {
      const { x, y, zoom, rotation } = this.view;
      viewport.panTo(new OpenSeadragon.Point(x, y), true);
      viewport.zoomTo(zoom, null, true);
      viewport.setRotation(rotation || 0, true);
    } else if (map) {
      const half = Math.PI * 6378137;
      const left = (map.xmin + half) / (2 * half);
      const top = ((half - map.ymax) / (2 * half)) * (height / width);
      const across = (map.xmax - map.xmin) / (2 * half);
      const down = ((map.ymax - map.ymin) / (2 * half)) * (height / width);
      viewport.fitBounds(new OpenSeadragon.Rect(left, top, across, down), true);
    } else {
      viewport.goHome(true);
    }
  }

  turn(by) {
    this.viewer.viewport.setRotation(this.viewer.viewport.getRotation() + by);
  }

  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen?.();
  }

  toggleCurtain() {
    this.curtain.show(!this.curtain.on);
    this.remember();
  }

  toggleSide() {
    if (this.side) {
      this.side.stop();
      this.side.viewer.destroy();
      this.side.element.remove();
      this.side = null;
      this.arrange();
      return;
    }
    const element = make("div", { className: "screen" });
    this.stage.prepend(element);
    const viewer = screen(element, false);
    viewer.addTiledImage({
      tileSource: tileSource(this.base, this.transport, this.frame(this.base)),
      width: 1,
      success: () => viewer.viewport.fitBounds(this.viewer.viewport.getBounds(true), true),
    });
    this.side = { element, viewer, stop: together(this.viewer, viewer) };
    for (const layer of this.layers.slice(1)) layer.item?.setOpacity(1);
  }

  key(event) {
    if (event.target.matches?.("input, select")) return;
    const act = {
      r: () => this.turn(90),
      R: () => this.turn(-90),
      f: () => this.full(),
      c: () => this.toggleCurtain(),
      s: () => this.toggleSide(),
      0: () => this.viewer.viewport.goHome(),
    }[event.key];
    if (act) { act(); event.preventDefault(); }
  }

  // A growing sink: what came in, and how much there is.
  async tell(layer, news) {
    if (layer.counter) layer.counter.textContent = `${news.upto} tiles, ${news.rate} a second`;
    if (layer.progress) layer.progress.value = news.covered;
    const { width, height, waiting } = layer.facts;
    if (news.size && (waiting || news.size[0] !== width || news.size[1] !== height)) {
      if (layer.growing) return;
      layer.growing = true;
      const { images } = await this.transport.json("info");
      Object.assign(layer.facts, images[layer.number]);
      layer.facts.waiting = images[layer.number].waiting;
      this.stage.querySelector(".waiting")?.remove();
      layer.channels = layer.channels.length ? layer.channels : new Layer(layer.number, layer.facts, layer.base).channels;
      layer.grown = !this.view;
      this.fill();
      this.reload(layer);
      layer.growing = false;
    }
  }

  // ---- a link that restores the view

  remember() {
    if (!this.options.linkable) return;
    const { viewport } = this.viewer;
    const center = viewport.getCenter();
    const state = {
      view: { x: center.x, y: center.y, zoom: viewport.getZoom(), rotation: viewport.getRotation() },
      position: this.position,
      layers: this.layers.map((layer) => layer.state()),
      curtain: this.curtain?.on ? this.curtain.at : undefined,
    };
    clearTimeout(this.later);
    this.later = setTimeout(() => history.replaceState(null, "", `#${encodeURIComponent(JSON.stringify(state))}`), 200);
  }

  restore() {
    if (!this.options.linkable || location.hash.length < 2) return;
    try {
      const state = JSON.parse(decodeURIComponent(location.hash.slice(1)));
      this.view = state.view;
      this.position = state.position || {};
      (state.layers || []).forEach((one, number) => this.layers[number]?.restore(one));
      if (state.curtain !== undefined) setTimeout(() => { this.curtain.at = state.curtain; this.curtain.show(true); }, 0);
    } catch {
      history.replaceState(null, "", "#"); // a link that was cut: show all of the image
    }
  }
}

export async function mount(root, transport, options = {}) {
  root.classList.add("ziggurat-view");
  if (typeof OpenSeadragon === "undefined") {
    root.replaceChildren(make("p", { className: "missing" }, MISSING));
    return null;
  }
  try {
    const { images } = await transport.json("info");
    const page = new Page(root, transport, images, options);
    root.page = page;
    return page;
  } catch (error) {
    root.replaceChildren(make("p", { className: "missing" }, String(error)));
    return null;
  }
}
