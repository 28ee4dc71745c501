// The time range all charts share: it follows the present until somebody zooms, then it stays where it was put.

/** How long after the last movement a zoom counts as made, in milliseconds. */
const SETTLED_MS = 150;

export class Zoom {
  /** `zoomed` hears the window zoomed to as [from, to] in milliseconds since 1970, or null. */
  constructor(zoomed) {
    this.zoomed = zoomed;
    this.range = null;
    this.home = null;
    this.offset = 0;
    this.timer = 0;
  }

  /** Takes over a new document's range; `window` is the zoom to keep. */
  adopt(drawn, frame, window) {
    this.range = drawn?.get_model_by_id("time") ?? null;
    this.setHome(frame);
    if (!this.range) return;
    if (window) this.set(window.map((ms) => ms + this.offset));
    else this.set(this.home);
    this.range.change.connect(() => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.tell(), SETTLED_MS);
    });
  }

  /** The page's window moved on: the charts go along unless they are zoomed. */
  follow(frame) {
    const zoomed = this.isZoomed();
    this.setHome(frame);
    if (!zoomed) this.set(this.home);
  }

  /** Back to the whole window. */
  back() {
    if (this.home) this.set(this.home);
  }

  /** The window zoomed to, or null. */
  window() {
    return this.isZoomed() ? [this.range.start - this.offset, this.range.end - this.offset] : null;
  }

  isZoomed() {
    if (!this.range || !this.home) return false;
    // A range that is dragged back by hand rarely lands on the same millisecond.
    const near = (this.home[1] - this.home[0]) / 2000;
    return Math.abs(this.range.start - this.home[0]) > near || Math.abs(this.range.end - this.home[1]) > near;
  }

  setHome(frame) {
    this.offset = frame.zone_s * 1000;
    this.home = [frame.from + this.offset, frame.to + this.offset];
    this.range?.setv({ reset_start: this.home[0], reset_end: this.home[1] });
  }

  set([start, end]) {
    this.range?.setv({ start, end });
  }

  tell() {
    this.zoomed(this.window());
  }
}
