// Two ways to hold a result against its slide: a curtain over one picture, or two pictures that move together.
import { make } from "./dom.js";

export class Curtain {
  constructor(viewer, layers) {
    this.viewer = viewer;
    this.layers = layers;
    this.at = 0.5;
    this.on = false;
    this.bar = make("div", { className: "curtain", hidden: true, role: "slider", tabIndex: 0, ariaLabel: "curtain" });
    this.bar.addEventListener("pointerdown", (event) => {
      this.bar.setPointerCapture(event.pointerId);
      event.stopPropagation();
    });
    this.bar.addEventListener("pointermove", (event) => {
      if (!this.bar.hasPointerCapture(event.pointerId)) return;
      const box = viewer.element.getBoundingClientRect();
      this.move((event.clientX - box.left) / box.width);
    });
    this.bar.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.move(this.at - 0.02);
      if (event.key === "ArrowRight") this.move(this.at + 0.02);
    });
    for (const name of ["animation", "resize", "open"]) viewer.addHandler(name, () => this.clip());
  }

  show(on) {
    this.on = on;
    this.bar.hidden = !on;
    this.clip();
  }

  move(at) {
    this.at = Math.min(1, Math.max(0, at));
    this.clip();
  }

  // All layers but the base are drawn to the right of the bar only.
  clip() {
    this.bar.style.left = `${this.at * 100}%`;
    const x = this.viewer.element.clientWidth * this.at;
    for (const { item, base } of this.layers) {
      if (!item || base) continue;
      if (!this.on) { item.setClip(null); continue; }
      const size = item.getContentSize();
      const left = item.viewerElementToImageCoordinates(new OpenSeadragon.Point(x, 0)).x;
      const begin = Math.min(size.x, Math.max(0, left));
      item.setClip(new OpenSeadragon.Rect(begin, 0, size.x - begin, size.y));
    }
  }
}

// The second picture shows the base alone; whichever is moved takes the other along.
export function together(one, other) {
  let leading = null;
  const follow = (from, to) => () => {
    if (leading && leading !== from) return;
    leading = from;
    to.viewport.fitBounds(from.viewport.getBounds(true), true);
    to.viewport.setRotation(from.viewport.getRotation(), true);
    leading = null;
  };
  const pairs = [[one, follow(one, other)], [other, follow(other, one)]];
  for (const [viewer, call] of pairs) for (const name of ["animation", "rotate"]) viewer.addHandler(name, call);
  return () => { for (const [viewer, call] of pairs) for (const name of ["animation", "rotate"]) viewer.removeHandler(name, call); };
}
