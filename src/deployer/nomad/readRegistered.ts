import { Option, Schema } from "effect"
import type { Registered } from "../Deployer.ts"
import type { NoAnswer, NomadAnswer } from "./NomadHttp.ts"
import { plainLine } from "./plainLine.ts"
import { explained, refusedIdentity } from "./refusedIdentity.ts"

const Taken = Schema.fromJsonString(Schema.Struct({ EvalID: Schema.String, JobModifyIndex: Schema.Int }))
const decodeTaken = Schema.decodeUnknownOption(Taken)

/** An hour; whoever asks for more is asked again in an hour. */
const longestWait = 3_600_000

/**
 * Texts by which Nomad refuses the job itself, all with status 500 (T1): the validators' multi-error, a mutator's
 * error (`nomad/job_endpoint_hooks.go`), a change of kind (`validateJobUpdate`, `nomad/job_endpoint.go`), and what
 * servers before 1.10 say of tokens. They come before check-and-set and before Raft.
 */
const refusals: ReadonlyArray<RegExp> = [
  /^\d+ errors? occurred:/,
  /^error in job mutator /,
  /^cannot update (?:job from type|periodic job|non-periodic job|parameterized job|non-parameterized job) /,
  /^cannot update (?:periodic|non-periodic|parameterized|non-parameterized) job to being /,
  /^field 'Dispatched' is read-only$/,
  /^job can't be submitted with /,
  /Vault used in the job but missing Vault token/,
  /^job-submitter consul token denied/
]

/** Texts that an agent, or its Task API, answers with before it hands the call to a leader (`nomad-api.md` §1.7, §10). */
const notHandedOn: ReadonlyArray<RegExp> = [
  /^No cluster leader$/,
  /^no servers$/,
  /^failed to get conn: /,
  refusedIdentity
]
export const isNotHandedOn = (bare: string): boolean => notHandedOn.some((text) => text.test(bare))

/** A client-mode agent or a follower puts an `rpc error: ` in front for each hop. */
export const bareText = ({ text }: NomadAnswer): string => text.trim().replace(/^(?:rpc error: )+/, "")

/** Milliseconds of `Retry-After`, null without. */
export const retryAfterOf = ({ headers }: NomadAnswer): number | null => {
  const after = /^\d{1,9}$/.exec(headers.get("retry-after") ?? "")
  return after === null ? null : Math.min(Number(after[0]) * 1_000, longestWait)
}

/** What it proves of a write that there is no answer. */
export const readNoAnswer = ({ reached, words }: NoAnswer) =>
  reached
    ? ({ _tag: "Unknown", words } as const)
    : ({ _tag: "NotApplied", words, forbidden: false, retryAfter: null } as const)

/** Nomad's words as one line. A refusal quotes the job, so that what its owner wrote into it comes back (X6, X15). */
export const wordsOf = (answer: NomadAnswer): string => {
  const bare = bareText(answer)
  return bare === "" ? `status ${answer.status}` : explained(plainLine(bare, 2_000))
}

/** A 401 or 403, with the right that it wants; before Nomad 1.11.2 that was `submit-job`. */
export const readForbidden = (words: string, right: string, namespace: string) =>
  ({
    _tag: "NotApplied",
    words: `Nomad answered "${words}": the token needs ${right} (submit-job before Nomad 1.11.2) in namespace "${namespace}"`,
    forbidden: true,
    retryAfter: null
  }) as const

/** What an answer to a register proves (`design.md` §6). `scope` names where the right is missing. */
export const readRegistered = (
  answer: NomadAnswer | NoAnswer,
  scope: { readonly namespace: string; readonly baseIndex: number }
): Registered => {
  if ("reached" in answer) return readNoAnswer(answer)
  const { status, text } = answer
  const bare = bareText(answer)
  const words = wordsOf(answer)
  const notApplied = { _tag: "NotApplied", words, forbidden: false, retryAfter: null } as const

  if (status === 200)
    return Option.match(decodeTaken(text), {
      onNone: () => ({ _tag: "Unknown", words: "the answer to the register could not be read" }),
      // Each register has a new marker, so a job that Nomad found unchanged is not ours (T2).
      onSome: ({ EvalID, JobModifyIndex }) =>
        JobModifyIndex > scope.baseIndex
          ? { _tag: "Accepted", nomadIndex: JobModifyIndex, evalId: EvalID === "" ? null : EvalID }
          : { _tag: "Unknown", words: `the answer names the job's old index ${JobModifyIndex}` }
    })
  if (status === 400) return { _tag: "Rejected", words }
  if (status === 401 || status === 403) {
    // Not a matter of rights: an operator stopped all registers of the cluster.
    if (bare.includes("disabled by the scheduler configuration")) return notApplied
    return readForbidden(words, "register-job", scope.namespace)
  }
  if (status === 429) return { ...notApplied, retryAfter: retryAfterOf(answer) }
  if (status > 400 && status < 500 && status !== 408) return notApplied
  if (status === 500) {
    if (bare.includes("Enforcing job modify index")) return { _tag: "Conflict", words }
    if (refusals.some((refusal) => refusal.test(bare))) return { _tag: "Rejected", words }
    if (isNotHandedOn(bare)) return notApplied
  }
  return { _tag: "Unknown", words }
}
