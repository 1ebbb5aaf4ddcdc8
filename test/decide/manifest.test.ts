import { assert, describe, it } from "@effect/vitest"
import { judgeManifest } from "../../src/decide/manifest.ts"
import type { Desired } from "../../src/domain/Desired.ts"
import { Deploy } from "../../src/domain/Decision.ts"
import type { ManifestAnswer } from "../../src/domain/ManifestAnswer.ts"
import { digest, tag } from "./situations.ts"

type Order = Pick<Desired, "pinnedTag" | "requestKind">
const following: Order = { pinnedTag: "", requestKind: null }
const redeploy: Order = { pinnedTag: "", requestKind: "redeploy" }
const rollback: Order = { pinnedTag: "", requestKind: "rollback" }
const pinned: Order = { pinnedTag: tag("v1.1.0"), requestKind: "pin" }
const chart: ManifestAnswer = { _tag: "NotAnImage", mediaType: "chart" }
const gone: ManifestAnswer = { _tag: "Gone" }

const rows: ReadonlyArray<
  readonly [sentence: string, order: Order, reason: Deploy["reason"], answer: ManifestAnswer, judged: string]
> = [
  [
    "S10: an image is deployed by its digest",
    following,
    "new_version",
    { _tag: "Image", digest: digest("b") },
    "Digest"
  ],
  ["a tag that is gone elects another", following, "new_version", gone, "Passed"],
  ["S10: what a rollback names by its digest has no other", rollback, "requested", gone, "tag_missing"],
  ["of versions the next lower one is tried where it is no image", following, "new_version", chart, "Passed"],
  ["so it is where a reset elects it", { ...following, requestKind: "reset" }, "requested", chart, "Passed"],
  ["a pin has no other", pinned, "requested", chart, "nothing_elected"],
  ["nor has what a redeploy names", redeploy, "requested", chart, "nothing_elected"],
  ["nor what a rollback names", rollback, "requested", chart, "nothing_elected"],
  ["what is elected beside a redeploy that waits has", redeploy, "new_version", chart, "Passed"]
]

describe("judgeManifest", () => {
  it.each(rows)("%s", (_, order, reason, answer, judged) => {
    const decision = Deploy.make({ tag: tag("v1.1.0"), digest: digest("b"), reason })
    const fetched = judgeManifest(decision, order, answer)
    assert.strictEqual(fetched._tag === "Fault" ? fetched.show.reason : fetched._tag, judged)
  })
})
