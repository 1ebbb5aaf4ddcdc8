import type { Steered } from "../Deployer.ts"
import type { NoAnswer, NomadAnswer } from "./NomadHttp.ts"
import {
  bareText,
  isNotHandedOn,
  readForbidden,
  readNoAnswer,
  retryAfterOf,
  wordsOf
} from "./readRegistered.ts"

/**
 * What Nomad says, with status 500 (T1), of a deployment that can not be promoted or failed: its canaries are not all
 * healthy, it has ended, or Nomad forgot it.
 */
const refusals: ReadonlyArray<RegExp> = [
  /^\d+ errors? occurred:/,
  /^can't (?:promote|fail) terminal deployment$/,
  /^deployment not found$/,
  /has terminal status/,
  /^Task group ".*" has \d+\/\d+ healthy allocations$/
]

/** What an answer to a promotion or to the failing of a rollout proves. `right`: what the token needs, from Nomad 1.11.2 on. */
export const readSteered = (
  answer: NomadAnswer | NoAnswer,
  { right, namespace }: { readonly right: string; readonly namespace: string }
): Steered => {
  if ("reached" in answer) return readNoAnswer(answer)
  const { status } = answer
  if (status === 200) return { _tag: "Done" }
  const bare = bareText(answer)
  const words = wordsOf(answer)
  const notApplied = { _tag: "NotApplied", words, forbidden: false, retryAfter: null } as const
  if (status === 401 || status === 403) return readForbidden(words, right, namespace)
  if (status === 429) return { ...notApplied, retryAfter: retryAfterOf(answer) }
  if (refusals.some((refusal) => refusal.test(bare))) return { _tag: "Refused", words }
  if (status === 400 || status === 404) return { _tag: "Refused", words }
  if (status === 500 && isNotHandedOn(bare)) return notApplied
  return { _tag: "Unknown", words }
}
