import { type Deploy, Wait } from "../domain/Decision.ts"
import type { Desired } from "../domain/Desired.ts"
import type { Digest } from "../domain/Digest.ts"
import type { ManifestAnswer } from "../domain/ManifestAnswer.ts"

/** What became of a target once its manifest was asked for. */
export type Fetched =
  | { readonly _tag: "Digest"; readonly digest: Digest }
  /** The tag is gone, or no image: the election is another one. */
  | { readonly _tag: "Passed" }
  | { readonly _tag: "Fault"; readonly show: Wait }

type Order = Pick<Desired, "pinnedTag" | "requestKind">

/** The digest by which the target is asked for: that of a rollback, whatever its tag is now (S10). Null: by its tag. */
export const digestAskedFor = ({ digest, reason }: Deploy, { requestKind }: Order): Digest | null =>
  reason === "requested" && requestKind === "rollback" ? digest : null

/** Of versions the next lower one is elected; a pin, or what a request names, has no other. */
const isFollowing = ({ reason }: Deploy, { pinnedTag, requestKind }: Order): boolean => {
  const isNamed = requestKind === "redeploy" || requestKind === "rollback"
  return pinnedTag === "" && !(reason === "requested" && isNamed)
}

/** What the registry's answer makes of the target. */
export const judgeManifest = (decision: Deploy, desired: Order, answer: ManifestAnswer): Fetched => {
  const { tag } = decision
  const byDigest = digestAskedFor(decision, desired)
  switch (answer._tag) {
    case "Image":
      return { _tag: "Digest", digest: answer.digest }
    case "Gone":
      return byDigest === null
        ? { _tag: "Passed" }
        : fault(decision, "tag_missing", `the registry has ${tag}@${byDigest} no more`, "missing")
    case "NotAnImage": {
      const words = `${tag} is no image but ${answer.mediaType}`
      return isFollowing(decision, desired)
        ? { _tag: "Passed" }
        : fault(decision, "nothing_elected", words, "not_an_image")
    }
  }
}

/** The registry did not say, or is not asked now. */
export const untoldManifest = (decision: Deploy, words: string): Fetched =>
  fault(decision, "registry_unreachable", words, null)

const fault = (
  { tag, digest }: Deploy,
  reason: Wait["reason"],
  words: string,
  verdict: Wait["verdict"]
): Fetched => ({ _tag: "Fault", show: Wait.make({ reason, words, would: { tag, digest }, verdict }) })
