// The one stream of a page: what changed since its revision. Closed while the tab is hidden or paused.

/** The first and longest wait before connecting again, in milliseconds. */
const WAIT_MS = [1000, 30_000];

export class Live {
  /** `event(parsed)` gets each event, `state(word)` hears `live`, `waiting`, `away`, `paused`. */
  constructor({ event, state }) {
    this.told = { event, state };
    this.source = null;
    this.where = null;
    this.revision = null;
    this.paused = false;
    this.wait = WAIT_MS[0];
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    addEventListener("pagehide", () => this.close());
    addEventListener("online", () => this.open());
  }

  /** Follows the view at `where(revision)` from this revision on. */
  follow(where, revision) {
    this.close();
    this.where = where;
    this.revision = revision;
    this.open();
  }

  pause(paused) {
    this.paused = paused;
    if (paused) { this.close(); this.told.state("paused"); } else this.open();
  }

  open() {
    if (this.paused) return this.told.state("paused");
    if (this.source || !this.where || document.hidden) return;
    this.told.state("waiting");
    const source = (this.source = new EventSource(this.where(this.revision)));
    source.onopen = () => {
      this.wait = WAIT_MS[0];
      this.told.state("live");
    };
    source.onmessage = (message) => {
      if (message.lastEventId) this.revision = message.lastEventId;
      this.told.event(JSON.parse(message.data));
    };
    source.onerror = () => {
      // The browser's own retry waits a fixed time for ever; ours backs off.
      this.close();
      this.told.state("away");
      this.timer = setTimeout(() => this.open(), this.wait * (0.75 + Math.random() / 2));
      this.wait = Math.min(this.wait * 2, WAIT_MS[1]);
    };
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}
