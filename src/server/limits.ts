import { ByteSize, Duration } from "effect"

/** What callers may cost before it is known who they are (X11), and how long they wait for us. */
export interface Limits {
  readonly body: ByteSize.ByteSize
  readonly headerBytes: number
  /** From the first byte of a request to the end of its headers. */
  readonly headersWithin: Duration.Duration
  /** From the end of the headers to the end of the body. */
  readonly bodyWithin: Duration.Duration
  readonly connections: number
  /** From asking the registry for a tag to answering without it: a person waits. */
  readonly tagWithin: Duration.Duration
  /** Requests a second, of a peer and of a principal, over time and at once. */
  readonly rate: { readonly perSecond: number; readonly burst: number }
  /** Of the event stream: how many at once, and of one caller; their heartbeat; how long one lasts. */
  readonly listeners: {
    readonly atOnce: number
    readonly ofOne: number
    readonly heartbeat: Duration.Duration
    readonly last: Duration.Duration
  }
  /** How long what is under way may go on once the server is released. */
  readonly drainWithin: Duration.Duration
}

export const limits: Limits = {
  body: ByteSize.kibibytes(256),
  headerBytes: 16 * 1024,
  headersWithin: Duration.seconds(5),
  bodyWithin: Duration.seconds(10),
  connections: 1024,
  tagWithin: Duration.seconds(3),
  // A page that shows every repository asks once; a script that pins 100 of them at once gets through.
  rate: { perSecond: 100, burst: 200 },
  // A browser keeps six connections to one server. Proxies cut what is silent for a minute.
  listeners: {
    atOnce: 256,
    ofOne: 64,
    heartbeat: Duration.seconds(15),
    last: Duration.minutes(5)
  },
  // Nomad kills a task 5 seconds after it asked it to end, unless told otherwise; the lock is let go after this.
  drainWithin: Duration.seconds(4)
}
