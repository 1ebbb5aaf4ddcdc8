/** One request that the simulator answered; `at` by its own clock. */
export interface LoggedRequest {
  readonly at: number
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly image: string | null
  /** 0: the connection was closed instead. */
  readonly status: number
}

/** Entries kept; the counts go on. */
const kept = 200_000

/** What was asked, in order, and how often of each repository. */
export const makeRequestLog = () => {
  let entries: Array<LoggedRequest> = []
  let counts = new Map<string, number>()
  return {
    add: (entry: LoggedRequest) => {
      entries.push(entry)
      if (entries.length > 2 * kept) entries = entries.slice(-kept)
      if (entry.image !== null) counts.set(entry.image, (counts.get(entry.image) ?? 0) + 1)
    },
    entries: (): ReadonlyArray<LoggedRequest> => entries.slice(-kept),
    /** Requests of each repository since the log was begun. */
    counts: (): ReadonlyMap<string, number> => new Map(counts),
    clear: () => {
      entries = []
      counts = new Map()
    }
  }
}
