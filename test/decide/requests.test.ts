import { assert, describe, it } from "@effect/vitest"
import { decide } from "../../src/decide/decide.ts"
import { isAnswered } from "../../src/decide/decideRequest.ts"
import type { Situation } from "../../src/decide/Situation.ts"
import {
  attempt,
  deployment,
  digest,
  history,
  newVersion,
  pinnedStable,
  quarantineOf,
  requested,
  runs,
  seen,
  situation,
  tag,
  task
} from "./situations.ts"

const rollback = { requestKind: "rollback", requestTag: tag("v1.0.0"), requestDigest: digest("a") } as const
const redeploy = (name: string) => ({ requestKind: "redeploy" as const, requestTag: tag(name) })
const fault = (reason: "tag_missing" | "registry_unreachable" | "nothing_elected") => ({
  _tag: "Wait" as const,
  reason,
  words: "no answer",
  would: null,
  verdict: null
})

/** `Deploy v1.0.0@a requested`: the digest by its letter. */
const told = (of: Situation): string => {
  const decision = decide(of)
  switch (decision._tag) {
    case "Deploy":
      return `Deploy ${decision.tag}${decision.digest === null ? "" : `@${decision.digest.at(-1)}`} ${decision.reason}`
    case "Wait":
    case "Stall":
      return `${decision._tag} ${decision.reason}`
    case "Follow":
      return `Follow: ${decision.words}`
    case "InSync":
    case "Settle":
      return decision._tag
  }
}

// prettier-ignore
const rows: ReadonlyArray<readonly [sentence: string, change: Partial<Situation>, told: string]> = [
  ["5: deploys the very image that a rollback names, whatever its tag is now", { desired: requested(rollback), seen: seen(["v1.0.0", "v1.1.0"], { "v1.0.0": "f" }) }, "Deploy v1.0.0@a requested"],
  ["5: S10: a rollback needs no view", { desired: requested(rollback), seen: null }, "Deploy v1.0.0@a requested"],
  ["5: a rollback is deployed whatever the pin says", { desired: requested({ ...pinnedStable, ...rollback }), seen: seen([], { stable: "c" }) }, "Deploy v1.0.0@a requested"],
  ["5: S11: a rollback names its digest in spite of a quarantine", { desired: requested(rollback), history: history({ quarantine: quarantineOf("a") }) }, "Deploy v1.0.0@a requested"],
  ["5: redeploys the tag that is named, at its present digest", { desired: requested({ ...redeploy("v1.0.0"), requestDigest: digest("a") }), seen: seen(["v1.0.0", "v1.1.0", "v1.2.0"], { "v1.0.0": "f" }) }, "Deploy v1.0.0@f requested"],
  ["5: redeploys the tag that is named under another pin", { desired: requested({ ...pinnedStable, ...redeploy("v1.0.0") }), seen: seen([], { "v1.0.0": "a", stable: "c" }) }, "Deploy v1.0.0@a requested"],
  ["5: S11: redeploys the tag that is named in spite of a quarantine", { desired: requested(redeploy("v1.0.0")), seen: seen(["v1.1.0"], { "v1.0.0": "a" }), history: history({ quarantine: quarantineOf("a") }) }, "Deploy v1.0.0@a requested"],
  ["5: S11: deploys the tag that a person pins in spite of a quarantine", { desired: requested({ pinnedTag: tag("v1.0.0") }), seen: seen([], { "v1.0.0": "a" }), history: history({ quarantine: quarantineOf("a") }) }, "Deploy v1.0.0@a requested"],
  ["5: waits for a redeploy of a tag that is gone", { desired: requested(redeploy("v9")), seen: seen(["v1.1.0"], {}, { gone: new Set([tag("v9")]) }) }, "Wait tag_missing"],
  ["5: a request that waits for its target stops no automatic move", { ...newVersion, desired: requested(redeploy("v9")), seen: seen(["v1.1.0", "v1.2.0"], {}, { gone: new Set([tag("v9")]) }) }, "Deploy v1.2.0 new_version"],
  ["5: nor does a rollback to an image that is gone", { ...newVersion, desired: requested(rollback), requestFault: fault("tag_missing") }, "Deploy v1.2.0 new_version"],
  ["5: nor does a redeploy of what turned out to be no image", { ...newVersion, desired: requested(redeploy("v1.0.0")), requestFault: fault("nothing_elected") }, "Deploy v1.2.0 new_version"],
  ["5: but what the registry did not answer is not asked for another tag at once", { ...newVersion, desired: requested(rollback), requestFault: fault("registry_unreachable") }, "Wait registry_unreachable"],
  ["5: shows what it waits for beside the rollout that goes on", { desired: requested(redeploy("v9")), seen: seen(["v1.1.0"], {}, { gone: new Set([tag("v9")]) }), observed: runs(task("v1.1.0", "b"), { deployment: deployment("running") }) }, "Follow: Deployment running; the redeploy by ann waits: the registry has no tag v9"],
  ["5: also where the registry does not answer for something newer", { ...newVersion, desired: requested(rollback), requestFault: fault("registry_unreachable"), observed: runs(task("v1.1.0", "b"), { deployment: deployment("running") }) }, "Follow: Deployment running; the rollback by ann waits: no answer"],
]

const stuckAt = (phase: "slow" | "unplaceable" | "rolling") =>
  history({ rolling: [attempt({ state: "accepted", phase, words: "no node can run it" })] })

it.each<readonly [sentence: string, change: Partial<Situation>, told: string]>([
  [
    "says what a rollout is stuck at",
    {
      observed: runs(task("v1.1.0", "b"), { deployment: deployment("running") }),
      history: stuckAt("unplaceable")
    },
    "Follow: Deployment running; no node can run it"
  ],
  [
    "also without a deployment",
    { history: stuckAt("slow") },
    "Follow: v1.1.0 is being rolled out; no node can run it"
  ],
  ["and nothing of one that goes on", { history: stuckAt("rolling") }, "Follow: v1.1.0 is being rolled out"]
])("6: %s", (_, change, expected) => assert.strictEqual(told(situation(change)), expected))

const rollingTo = (letter: string) =>
  history({
    rolling: [
      attempt({ state: "accepted", phase: "rolling", toTag: tag("v1.0.0"), toDigest: digest(letter) })
    ]
  })

describe("a request that names its target", () => {
  it.each(rows)("%s", (_, change, expected) => assert.strictEqual(told(situation(change)), expected))

  it.each([
    [
      "a rollback to what is being rolled out",
      { desired: requested(rollback), history: rollingTo("a") },
      true
    ],
    [
      "a rollback to another digest of that tag",
      { desired: requested(rollback), history: rollingTo("c") },
      false
    ],
    [
      "a redeploy of what is being rolled out",
      { desired: requested(redeploy("v1.0.0")), seen: seen([], { "v1.0.0": "a" }), history: rollingTo("a") },
      true
    ],
    [
      "a redeploy of a tag that was pushed anew since",
      { desired: requested(redeploy("v1.0.0")), seen: seen([], { "v1.0.0": "f" }), history: rollingTo("a") },
      false
    ],
    [
      "a redeploy of what the job has is an order to restart it",
      { desired: requested(redeploy("v1.1.0")) },
      false
    ],
    [
      "a rollback whose image could not be fetched",
      { desired: requested(rollback), history: rollingTo("a"), requestFault: fault("registry_unreachable") },
      false
    ]
  ] satisfies ReadonlyArray<readonly [string, Partial<Situation>, boolean]>)(
    "is answered by %s",
    (_, change, expected) => assert.strictEqual(isAnswered(situation(change)), expected)
  )
})
