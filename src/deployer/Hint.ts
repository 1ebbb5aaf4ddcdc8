/** Why Nomad tells nothing now; `unreachable` covers a stream that was cut, as a restart of its server does. */
export type Untold = "refused" | "silent" | "unreachable"

/** What Nomad tells by itself of a namespace: reasons to look, and never facts to act on. */
export type Hint =
  /** It tells of changes from now on; of those before, the indexes tell. */
  | { readonly _tag: "Open" }
  /** What was told could not be read: the indexes tell it as well. */
  | { readonly _tag: "Missed" }
  /** It tells nothing, until `Open`. `words` name the right where one is missing. */
  | { readonly _tag: "Closed"; readonly why: Untold; readonly words: string }
  /** Somebody wrote the job or purged it; `index` is Nomad's of that. */
  | { readonly _tag: "Written"; readonly job: string; readonly index: number }
  /** The job's own status moved, or a deployment of it is not running any more. */
  | { readonly _tag: "Moved"; readonly job: string; readonly index: number }
