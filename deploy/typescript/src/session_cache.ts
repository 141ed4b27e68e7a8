// The session cache that is right (docs/gateway.md): a gateway that uses it lets nobody in whose session it knows to be revoked.
//
// What makes a cache wrong is an answer that overtakes a revocation: the session was read, then revoked, the stream said so, and the
// answer came last and was kept. So every invalidation raises a counter; a look that the counter moved under is made again.
// And nothing is kept while no stream that has caught up tells of revocations.

/** A frame of `Push.SubscribePush`, as far as sessions are concerned; names as in push.proto. */
export type Frame = { cursor: string } & (
  | { kind: "hello"; head: string }
  | { kind: "session_invalidation"; user_id: string; device_session_ids: readonly string[] }
  | { kind: "resume_gap" }
  | { kind: "bookmark" }
  /** Client events, and kinds to come. */
  | { kind: "other" }
);

/** What the backend says of a session: `GET /api/v1/internal/sessions/{device_session_id}`. */
export interface Session {
  device_session_id: string;
  user_id: string;
  status: "active" | "revoked";
}

/** `undefined` where the backend knows no such session. It rejects where the backend cannot be asked: then nobody is let in. */
export type Look = (deviceSessionId: string) => Promise<Session | undefined>;

export interface Options {
  /** Milliseconds that an answer is kept at most. */
  timeToLive?: number;
  /** Milliseconds of silence after which a stream is dead. An idle one has a bookmark every 4 s. */
  silence?: number;
  /** Sessions that are kept at most; the oldest answer gives way. */
  capacity?: number;
  /** Milliseconds that only grow. */
  now?: () => number;
}

/** So often a look is made again where revocations kept overtaking it; then its last answer counts, once, and is not kept. */
const LOOKS = 3;

/** See the head of this file. One for each stream; feed it every frame, in order, and tell it when the stream ends. */
export class SessionCache {
  private readonly kept = new Map<string, { session: Session; until: number }>();
  private readonly timeToLive: number;
  private readonly silence: number;
  private readonly capacity: number;
  private readonly now: () => number;
  /** Grows with everything that may make an answer under way untrue. */
  private changes = 0;
  /** The newest event when the stream began; what is before it is not news yet. */
  private head: string | undefined;
  private caughtUp = false;
  private heard = -Infinity;

  constructor(
    private readonly look: Look,
    options: Options = {},
  ) {
    this.timeToLive = options.timeToLive ?? 60_000;
    this.silence = options.silence ?? 5_000;
    this.capacity = options.capacity ?? 100_000;
    this.now = options.now ?? (() => performance.now());
  }

  /** The session, if it is active: kept, or asked for. */
  async active(deviceSessionId: string): Promise<Session | undefined> {
    if (this.lives()) {
      const kept = this.kept.get(deviceSessionId);
      if (kept !== undefined && kept.until > this.now()) return kept.session;
    }
    for (let looks = 1; ; looks += 1) {
      const before = this.changes;
      const asked = this.now();
      const session = await this.look(deviceSessionId);
      if (session?.status !== "active") {
        this.kept.delete(deviceSessionId);
        return undefined;
      }
      const lives = this.lives();
      if (before === this.changes || looks === LOOKS) {
        if (before === this.changes && lives) this.keep(session, asked);
        return session;
      }
    }
  }

  /** Takes a frame. Call it before the frame's cursor is stored. */
  frame(frame: Frame): void {
    this.heard = this.now();
    switch (frame.kind) {
      case "hello":
        this.head = frame.head;
        this.forget();
        break;
      case "session_invalidation":
        this.invalidate(frame.user_id, frame.device_session_ids);
        break;
      case "resume_gap":
        // Revocations may be among what was lost.
        this.forget();
        return;
      case "bookmark":
        // Nothing was committed up to a moment ago that this stream has not told.
        this.caughtUp = true;
        return;
      default:
        break;
    }
    // Cursors compare as text.
    if (this.head !== undefined && frame.cursor >= this.head) this.caughtUp = true;
  }

  /** The stream has ended, for whatever reason. */
  ended(): void {
    this.head = undefined;
    this.heard = -Infinity;
    this.forget();
  }

  private lives(): boolean {
    if (this.now() - this.heard <= this.silence) return this.caughtUp;
    // What was kept before the silence may have been revoked in it.
    if (this.kept.size > 0 || this.caughtUp) this.forget();
    return false;
  }

  private keep(session: Session, asked: number): void {
    this.kept.delete(session.device_session_id);
    this.kept.set(session.device_session_id, { session, until: asked + this.timeToLive });
    // A Map gives its keys in the order in which they were put.
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= this.capacity) break;
      this.kept.delete(oldest);
    }
  }

  private invalidate(userId: string, sessions: readonly string[]): void {
    this.changes += 1;
    for (const id of sessions) this.kept.delete(id);
    if (sessions.length > 0) return;
    // All of the user's.
    for (const [id, { session }] of this.kept) if (session.user_id === userId) this.kept.delete(id);
  }

  private forget(): void {
    this.changes += 1;
    this.caughtUp = false;
    this.kept.clear();
  }
}
