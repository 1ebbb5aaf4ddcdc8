import type { Effect } from "effect"

/** What one check found. */
export interface Finding {
  /** What was looked at: `database`, `registry hub`, `job api`. */
  readonly check: string
  /** `warning`: it works, with something less. */
  readonly result: "ok" | "warning" | "wrong"
  readonly words: string
  /** What to do about it; null where it is ok. */
  readonly remedy: string | null
}

export const ok = (check: string, words: string): Finding => ({ check, result: "ok", words, remedy: null })
export const warning = (check: string, words: string, remedy: string): Finding => ({
  check,
  result: "warning",
  words,
  remedy
})
export const wrong = (check: string, words: string, remedy: string): Finding => ({
  check,
  result: "wrong",
  words,
  remedy
})

/** Tells each finding when it is made, so that a long list shows how far it is. */
export type Report = (finding: Finding) => Effect.Effect<void>

/** So many questions at once to one party. */
export const atOnce = 8
