import { assert, describe, it } from "@effect/vitest"
import { decide } from "../../src/decide/decide.ts"
import type { Situation } from "../../src/decide/Situation.ts"
import { isHoldOver, untilWhen } from "../../src/decide/hold.ts"
import type { Hold } from "../../src/domain/Desired.ts"
import {
  deployment,
  desired,
  digest,
  history,
  hold,
  minutesAgo,
  newVersion,
  noon,
  pinnedStable,
  quarantineOf,
  runs,
  seen,
  situation,
  tag,
  task
} from "./situations.ts"

/** After a rollback from this tag. */
const leaving = (left: string, letter: string | null = null): Hold => ({
  ...hold(null),
  resume: "next_version",
  left: { tag: tag(left), digest: letter === null ? null : digest(letter) }
})

const told = (of: Situation): string => {
  const decision = decide(of)
  switch (decision._tag) {
    case "Deploy":
      return `Deploy ${decision.tag} ${decision.reason}`
    case "Wait":
    case "Stall":
      return `${decision._tag} ${decision.reason}`
    case "InSync":
    case "Follow":
    case "Settle":
      return decision._tag
  }
}

// prettier-ignore
const rows: ReadonlyArray<readonly [sentence: string, change: Partial<Situation>, told: string]> = [
  ["11: a rollback's hold stops the version that was left", { ...newVersion, desired: desired({ hold: leaving("v1.2.0") }) }, "Wait held"],
  ["11: and lets a version above it pass", { desired: desired({ hold: leaving("v1.2.0") }), seen: seen(["v1.1.0", "v1.2.0", "v1.3.0"]) }, "Deploy v1.3.0 new_version"],
  ["11: S11: and stops it again where the one above failed", { desired: desired({ hold: leaving("v1.2.0") }), seen: seen(["v1.1.0", "v1.2.0", "v1.3.0"], { "v1.3.0": "d" }), history: history({ quarantine: quarantineOf("d") }) }, "Wait held"],
  ["11: a hold that does not know what it left is a person's to lift", { ...newVersion, desired: desired({ hold: { ...leaving("v1.2.0"), left: null } }) }, "Wait held"],
  ["11: under a pin it stops the digest that was left", { desired: desired({ ...pinnedStable, baselineDigest: digest("a"), hold: leaving("stable", "c") }), observed: runs(task("stable", "a")), seen: seen([], { stable: "c" }) }, "Wait held"],
  ["11: where its digest is not known, every digest of the tag that was left", { desired: desired({ ...pinnedStable, baselineDigest: digest("a"), hold: leaving("stable") }), observed: runs(task("stable", "a")), seen: seen([], { stable: "c" }) }, "Wait held"],
  ["11: and lets another one pass", { desired: desired({ ...pinnedStable, baselineDigest: digest("a"), hold: leaving("stable", "c") }), observed: runs(task("stable", "a")), seen: seen([], { stable: "d" }) }, "Deploy stable digest_changed"],
]

describe("a hold", () => {
  it.each(rows)("%s", (_, change, expected) => assert.strictEqual(told(situation(change)), expected))

  it.each([
    ["none is over", null, {}, false],
    ["one without end stands", hold(null), {}, false],
    ["one by time is over then", hold(noon), {}, true],
    ["and not before", hold(new Date(noon.getTime() + 1)), {}, false],
    ["its time counts whatever else it waits for", { ...leaving("v1.1.0"), until: minutesAgo(1) }, {}, true],
    ["a rollback's is over once the job has a version above", leaving("v1.0.0"), {}, true],
    ["not while it only is elected", leaving("v1.1.0"), newVersion, false],
    ["nor while the job has the very one", leaving("v1.1.0"), {}, false],
    [
      "nor while the one above is rolled out",
      leaving("v1.0.0"),
      { observed: runs(task("v1.1.0", "b"), { deployment: deployment("running") }) },
      false
    ]
  ] satisfies ReadonlyArray<readonly [string, Hold | null, Partial<Situation>, boolean]>)(
    "%s",
    (_, standing, change, expected) => {
      const of = situation({ desired: desired({ hold: standing }), ...change })
      assert.strictEqual(isHoldOver(of.desired, decide(of), of.now), expected)
    }
  )

  it("says until when", () => {
    assert.strictEqual(untilWhen(hold(null)), "")
    assert.strictEqual(untilWhen(hold(noon)), " until 2026-01-01T12:00:00.000Z")
    assert.strictEqual(
      untilWhen({ ...leaving("v1.2.0"), until: noon }),
      " until 2026-01-01T12:00:00.000Z or something newer than v1.2.0"
    )
  })
})
