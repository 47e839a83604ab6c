// Tiles that workers write while somebody looks: just those are fetched anew.

import { pictureOf } from "./layers.js";

const MOST_CHANGES = 500; // messages that are remembered; a tile older than all of them is fetched anew
const MOST_KEPT = 500;
const REST = 250; // milliseconds between two rounds

export class Live {
  constructor(viewer, layers, transport, tell) {
    this.viewer = viewer;
    this.layers = layers;
    this.transport = transport;
    this.tell = tell;
    viewer.addHandler("tile-invalidated", (event) => this.replace(event));
    this.stop = transport.listen((news) => this.hear(news));
  }

  hear(news) {
    const layer = this.layers.find((one) => one.number === news.image);
    if (!layer || news.error) return;
    layer.version = news.upto;
    layer.changes.push({ upto: news.upto, rects: news.everything ? null : news.tiles });
    if (layer.changes.length > MOST_CHANGES) {
      const lost = layer.changes.splice(0, layer.changes.length - MOST_CHANGES);
      layer.changes.unshift({ upto: lost[lost.length - 1].upto, rects: null });
    }
    this.tell(layer, news);
    this.invalidate(layer);
  }

  // One round at a time: a round that is overtaken by the next draws nothing.
  async invalidate(layer) {
    layer.stale = true;
    if (layer.renewing) return;
    layer.renewing = true;
    while (layer.stale && layer.item) {
      layer.stale = false;
      await layer.item.requestInvalidate(true).catch(() => {});
      await new Promise((done) => setTimeout(done, REST));
    }
    layer.renewing = false;
  }

  touches(layer, tile, rects) {
    const { facts } = layer;
    const scale = 2 ** (facts.levels - 1 - tile.level);
    const left = tile.x * facts.tileWidth * scale;
    const top = tile.y * facts.tileHeight * scale;
    const right = left + facts.tileWidth * scale;
    const bottom = top + facts.tileHeight * scale;
    return rects.some(([x, y, w, h]) => x < right && x + w > left && y < bottom && y + h > top);
  }

  // The version at which a tile has to be fetched, or null where what is shown is of now.
  wanted(layer, tile, version) {
    const later = layer.changes.filter((change) => change.upto > version);
    const touched = later.some(({ rects }) => rects === null || this.touches(layer, tile, rects));
    return touched ? layer.version : null;
  }

  // OpenSeadragon begins from the tile as it was loaded at first: it gets the newest pixels again each time.
  async replace(event) {
    const layer = this.layers.find((one) => one.item === event.tiledImage);
    if (!layer || !layer.facts.live) return;
    const key = event.tile.cacheKey;
    const version = layer.fresh.get(key)?.version ?? layer.loaded.get(key) ?? 0;
    const wanted = this.wanted(layer, event.tile, version);
    if (wanted !== null) {
      try {
        const blob = await this.transport.blob(`${event.tile.getUrl()}&v=${wanted}`);
        layer.fresh.set(key, { version: blob.stale ? version : wanted, blob });
        if (blob.stale) setTimeout(() => this.invalidate(layer), 300);
      } catch {
        return; // it stays as it was until the next news
      }
    }
    const found = layer.fresh.get(key);
    if (found) await event.setData(await pictureOf(found.blob), "context2d");
    while (layer.fresh.size > MOST_KEPT) layer.fresh.delete(layer.fresh.keys().next().value);
  }
}
