import { Schema } from "effect"

const match = {
  /** Only requests of this method; left out, of every method. */
  method: Schema.optionalKey(Schema.String),
  /** Only requests whose path contains this. Paths under `/_sim/` are never hit. */
  path: Schema.optionalKey(Schema.String),
  /** How many matching requests it hits; left out, all of them until `clear`. */
  times: Schema.optionalKey(Schema.Int)
}

/** What goes wrong with the next matching requests; of several faults that match, the oldest one counts. */
export const Fault = Schema.TaggedUnion({
  /** This status and body instead of an answer; nothing is applied. */
  Answer: {
    ...match,
    status: Schema.Int,
    body: Schema.optionalKey(Schema.String),
    headers: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
  },
  /** The agent's own limit of connections: 429. `retryAfter` in seconds goes into `Retry-After`. */
  TooManyConnections: { ...match, retryAfter: Schema.optionalKey(Schema.Number) },
  /** `No cluster leader`, after `hold` milliseconds (5000 on a real server, the default); stale reads pass. */
  NoLeader: { ...match, hold: Schema.optionalKey(Schema.Number) },
  /** The connection is cut: `before` anything is applied, or `after` it was, so that the answer is lost. */
  Drop: { ...match, when: Schema.Literals(["before", "after"]) },
  /** The request is taken `millis` later. */
  Delay: { ...match, millis: Schema.Number },
  /**
   * A register waits `millis` between the server's checks and the log. What comes in between is written over by
   * servers before 2.0.1, check-and-set or not; newer ones look again.
   */
  SlowLog: { ...match, millis: Schema.Number },
  /** As through an agent that is only a client: uncoded 500s begin with `rpc error: `. */
  RpcPrefix: match
})
export type Fault = typeof Fault.Type

export interface Faults {
  readonly add: (fault: Fault) => void
  readonly clear: () => void
  /** The fault that hits this request, if any; it is counted. */
  readonly take: (method: string, path: string) => Fault | undefined
}

export const makeFaults = (): Faults => {
  let faults: ReadonlyArray<{ readonly fault: Fault; left: number }> = []
  return {
    add: (fault) => {
      faults = [...faults, { fault, left: fault.times ?? Number.POSITIVE_INFINITY }]
    },
    clear: () => {
      faults = []
    },
    take: (method, path) => {
      const hit = faults.find(
        ({ fault }) =>
          (fault.method === undefined || fault.method === method) &&
          (fault.path === undefined || path.includes(fault.path))
      )
      if (hit === undefined) return undefined
      hit.left -= 1
      if (hit.left <= 0) faults = faults.filter((each) => each !== hit)
      return hit.fault
    }
  }
}
