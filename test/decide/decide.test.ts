import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { decide } from "../../src/decide/decide.ts"
import { isAnswered } from "../../src/decide/decideRequest.ts"
import type { Situation } from "../../src/decide/Situation.ts"
import { nextTurn } from "../../src/decide/nextTurn.ts"
import { Desired } from "../../src/domain/Desired.ts"
import { Observed } from "../../src/domain/Observed.ts"
import {
  attempt,
  deployment,
  desired,
  digest,
  history,
  hold,
  marker,
  minutesAgo,
  newVersion,
  noon,
  pinnedStable,
  quarantineOf,
  requested,
  runs,
  seen,
  situation,
  tag,
  task,
  watched
} from "./situations.ts"

const minutesFromNow = (n: number) => minutesAgo(-n)
const failedHere = { observed: runs(task("v1.1.0", "b"), { deployment: deployment("failed") }) }

/** `Deploy v1.2.0 new_version`, `Wait held`, `InSync v1.1.0` … */
const told = (of: Situation): string => {
  const decision = decide(of)
  switch (decision._tag) {
    case "Deploy":
      return `Deploy ${decision.tag} ${decision.reason}`
    case "InSync":
      return `InSync ${decision.tag}`
    case "Wait":
    case "Stall":
      return `${decision._tag} ${decision.reason}`
    case "Follow":
    case "Settle":
      return decision._tag
  }
}

// One row a line reads as the table that it is.
// prettier-ignore
const rows: ReadonlyArray<readonly [sentence: string, change: Partial<Situation>, told: string]> = [
  ["1: waits where Nomad did not answer", { observed: { _tag: "Unread", reason: "nomad_unreachable", words: "refused" } }, "Wait nomad_unreachable"],
  ["1: waits where a right is missing", { observed: { _tag: "Unread", reason: "forbidden", words: "read-job" } }, "Wait forbidden"],
  ["2: S21: stalls on a stopped job", { observed: { _tag: "Unfit", reason: "job_stopped", words: "stopped", modifyIndex: 5 } }, "Stall job_stopped"],
  ["2: comes before an open attempt", { observed: { _tag: "Unfit", reason: "job_absent", words: "", modifyIndex: 0 }, history: history({ openAttempt: attempt({ state: "submitted" }) }) }, "Stall job_absent"],
  ["3: S6: settles an open attempt before anything else", { ...newVersion, history: history({ openAttempt: attempt({ state: "unknown" }) }) }, "Settle"],
  ["3: settles before a request", { desired: requested(), history: history({ openAttempt: attempt({ state: "submitted" }) }) }, "Settle"],
  ["4: S20: stalls on a marker that this database does not have", { ...newVersion, observed: runs(task("v1.1.0", "b", { marker: marker(9) })) }, "Stall unknown_marker"],
  ["4: goes on where the marker was adopted", { ...newVersion, observed: runs(task("v1.1.0", "b", { marker: marker(9) })), history: history({ markers: new Map([[marker(9), "adopted"]]) }) }, "Deploy v1.2.0 new_version"],
  ["4: a request that resolves passes an unknown marker", { desired: requested({ pinnedTag: tag("v1.0.0") }), seen: seen([], { "v1.0.0": "a" }), observed: runs(task("v1.1.0", "b", { marker: marker(9) })) }, "Deploy v1.0.0 requested"],
  ["4: a request that does not resolve stays behind it", { desired: requested({ pinnedTag: tag("v1.0.0") }), seen: seen([]), observed: runs(task("v1.1.0", "b", { marker: marker(9) })) }, "Stall unknown_marker"],
  ["5: deploys a pin to a lower version", { desired: requested({ pinnedTag: tag("v1.0.0") }), seen: seen([], { "v1.0.0": "a" }) }, "Deploy v1.0.0 requested"],
  ["5: deploys a pin although auto_deploy is off", { desired: requested({ pinnedTag: tag("v1.0.0"), autoDeploy: false }), seen: seen([], { "v1.0.0": "a" }) }, "Deploy v1.0.0 requested"],
  ["5: deploys a pin although a hold stands", { desired: requested({ pinnedTag: tag("v1.0.0"), hold: hold(null) }), seen: seen([], { "v1.0.0": "a" }) }, "Deploy v1.0.0 requested"],
  ["5: deploys a pin of the very tag that runs", { desired: requested({ pinnedTag: tag("v1.1.0") }), seen: seen([], { "v1.1.0": "b" }) }, "Deploy v1.1.0 requested"],
  ['5: deploys "" of the version that runs', { desired: requested() }, "Deploy v1.1.0 requested"],
  ["5: waits for a pin that the registry has not", { desired: requested({ pinnedTag: tag("v9") }), seen: seen([], {}, { gone: new Set([tag("v9")]) }) }, "Wait tag_missing"],
  ["5: waits for a pin that nobody looked at yet", { desired: requested({ pinnedTag: tag("v9") }), seen: seen([]) }, "Wait not_viewed_yet"],
  ["5: a reset of what the job has is in sync", { desired: requested({ requestKind: "reset" }) }, "InSync v1.1.0"],
  ["5: a reset goes back from a pin above", { desired: requested({ requestKind: "reset", highWaterMark: tag("v2.0.0") }), observed: runs(task("v2.0.0", "e")) }, "Deploy v1.1.0 requested"],
  ["5: a reset from a pin that is no version follows the last shape", { desired: requested({ requestKind: "reset", ...pinnedStable, pinnedTag: "" }), observed: runs(task("stable", "e")), history: history({ ran: [tag("stable"), tag("v1.0.0")] }), seen: seen(["v1.0.0", "v1.1.0", "9.0.0"]) }, "Deploy v1.1.0 requested"],
  ["5: a reset where no version ever ran follows any shape", { desired: requested({ requestKind: "reset", ...pinnedStable, pinnedTag: "" }), observed: runs(task("stable", "e")), history: history({ ran: [tag("stable")] }), seen: seen(["v1.0.0", "9.0.0", "2024", "10.0.0-rc.1"]) }, "Deploy 9.0.0 requested"],
  ["5: S11: a reset skips a digest in quarantine", { desired: requested({ requestKind: "reset", baselineTag: tag("v1.0.0") }), observed: runs(task("v1.0.0", "a")), seen: seen(["v1.0.0", "v1.1.0", "v1.2.0"], { "v1.2.0": "c" }), history: history({ quarantine: quarantineOf("c") }) }, "Deploy v1.1.0 requested"],
  ["5: S9: a reset waits for a suspect view that nobody accepted", { desired: requested({ requestKind: "reset", highWaterMark: tag("v2.0.0") }), observed: runs(task("v2.0.0", "e")), seen: seen(["v1.0.0"], {}, { suspect: "running_tag_gone" }) }, "Wait suspect_view"],
  ["5: S9: a reset from a lower pin needs no better one", { desired: requested({ requestKind: "reset", highWaterMark: tag("v0.9.0") }), observed: runs(task("v0.9.0", "e")), seen: seen(["v1.0.0"], {}, { suspect: "many_tags_gone" }) }, "Deploy v1.0.0 requested"],
  ["5: S9: nor does a pin", { desired: requested({ pinnedTag: tag("v1.0.0") }), seen: seen(["v1.1.0"], { "v1.0.0": "a" }, { suspect: "many_tags_gone" }) }, "Deploy v1.0.0 requested"],
  ["5: follows where the target is rolling already", { desired: requested({ pinnedTag: tag("v1.1.0") }), seen: seen([], { "v1.1.0": "b" }), history: history({ rolling: [attempt({ state: "accepted", phase: "rolling" })] }) }, "Follow"],
  ["5: deploys anew where that rollout is slow", { desired: requested({ pinnedTag: tag("v1.1.0") }), seen: seen([], { "v1.1.0": "b" }), history: history({ rolling: [attempt({ state: "accepted", phase: "slow" })] }) }, "Deploy v1.1.0 requested"],
  ["5: deploys over a paused rollout", { desired: requested({ pinnedTag: tag("v1.0.0") }), seen: seen([], { "v1.0.0": "a" }), observed: runs(task("v1.1.0", "b"), { deployment: deployment("paused") }) }, "Deploy v1.0.0 requested"],
  ["5: another repository's rollout of such a tag answers nothing", { desired: requested({ pinnedTag: tag("v1.1.0") }), seen: seen([], { "v1.1.0": "b" }), history: history({ rolling: [attempt({ state: "accepted", phase: "rolling", repository: "other" as never })] }) }, "Deploy v1.1.0 requested"],
  ["5: nor does ours of another digest", { desired: requested({ pinnedTag: tag("v1.1.0") }), seen: seen([], { "v1.1.0": "b" }), history: history({ rolling: [attempt({ state: "accepted", phase: "rolling", toDigest: digest("f") })] }) }, "Deploy v1.1.0 requested"],
  ["6: S16: follows a rollout that has the target", { observed: runs(task("v1.1.0", "b"), { deployment: deployment("running") }) }, "Follow"],
  ["6: S16: supersedes a rollout by a higher version", { ...newVersion, observed: runs(task("v1.1.0", "b"), { deployment: deployment("running") }) }, "Deploy v1.2.0 new_version"],
  ["6: never supersedes a paused rollout by itself", { ...newVersion, observed: runs(task("v1.1.0", "b"), { deployment: deployment("paused") }) }, "Follow"],
  ["6: never supersedes another repository's rollout", { ...newVersion, history: history({ rolling: [attempt({ state: "accepted", phase: "rolling", repository: "other" as never })] }) }, "Follow"],
  ["6: supersedes another repository's rollout that is slow", { ...newVersion, history: history({ rolling: [attempt({ state: "accepted", phase: "slow", repository: "other" as never })] }) }, "Deploy v1.2.0 new_version"],
  ["6: follows while what is newer must wait", { ...newVersion, desired: desired({ autoDeploy: false }), observed: runs(task("v1.1.0", "b"), { deployment: deployment("running") }) }, "Follow"],
  ["6: supersedes under a pin by another digest", { desired: desired({ ...pinnedStable, baselineDigest: digest("b") }), seen: seen([], { stable: "c" }), observed: runs(task("stable", "b"), { deployment: deployment("running") }) }, "Deploy stable digest_changed"],
  ["6: S11: what Nomad rolled back already is not sent again before its attempt ended", { watched: { ...watched, drift: "restore" }, desired: desired({ baselineTag: tag("v1.2.0"), baselineDigest: digest("c") }), seen: seen(["v1.1.0", "v1.2.0"], { "v1.2.0": "c" }), history: history({ rolling: [attempt({ state: "accepted", phase: "rolling", toTag: tag("v1.2.0"), toDigest: digest("c") })] }) }, "Follow"],
  ["6: S11: nor under a pin", { watched: { ...watched, drift: "restore" }, desired: desired({ ...pinnedStable, baselineDigest: digest("c") }), seen: seen([], { stable: "c" }), observed: runs(task("stable", "a")), history: history({ rolling: [attempt({ state: "accepted", phase: "rolling", toTag: tag("stable"), toDigest: digest("c") })] }) }, "Follow"],
  ["6: but what is newer than both is", { ...newVersion, history: history({ rolling: [attempt({ state: "accepted", phase: "rolling" })] }) }, "Deploy v1.2.0 new_version"],
  ["7: waits before the first view", { seen: null }, "Wait not_viewed_yet"],
  ["7: names the registry's fault where there is no view", { seen: null, registryFault: "refused" }, "Wait registry_unreachable"],
  ["7: S9: takes nothing from a suspect view that is not above", { seen: seen(["v1.0.0"], {}, { suspect: "running_tag_gone" }) }, "Wait suspect_view"],
  ["7: S9: takes a version above HWM and what runs from a suspect view", { seen: seen(["v1.2.0"], {}, { suspect: "running_tag_gone" }) }, "Deploy v1.2.0 new_version"],
  ["7: S9: takes no version that is only above what runs", { desired: desired({ highWaterMark: tag("v1.5.0") }), seen: seen(["v1.2.0"], {}, { suspect: "many_tags_gone" }) }, "Wait suspect_view"],
  ["8: waits where nothing is a version", { seen: seen(["latest", "main"]) }, "Wait nothing_elected"],
  ["8: waits where what runs is no version", { observed: runs(task("latest", null)), desired: desired({ baselineTag: tag("latest"), baselineDigest: null }) }, "Wait not_following"],
  ["8: waits where what runs is a pre-release", { observed: runs(task("v1.2.0-rc.1", "c")), desired: desired({ baselineTag: tag("v1.2.0-rc.1"), baselineDigest: digest("c") }) }, "Wait not_following"],
  ["8: S11: waits for a pin whose digest failed", { desired: desired({ ...pinnedStable, baselineDigest: digest("a") }), observed: runs(task("stable", "a")), seen: seen([], { stable: "b" }), history: history({ quarantine: quarantineOf("b") }) }, "Wait nothing_elected"],
  ["9: is in sync at the highest version", {}, "InSync v1.1.0"],
  ["9: is in sync though the version's tag was overwritten", { seen: seen(["v1.1.0"], { "v1.1.0": "f" }) }, "InSync v1.1.0"],
  ["9: a pin is in sync by digest", { desired: desired({ ...pinnedStable, baselineDigest: digest("a") }), observed: runs(task("stable", "a")), seen: seen([], { stable: "a" }) }, "InSync stable"],
  ["9: S20: an image without digest is in sync while its tag keeps the baseline's", { desired: desired({ ...pinnedStable, baselineDigest: digest("a") }), observed: runs(task("stable", null)), seen: seen([], { stable: "a" }) }, "InSync stable"],
  ["9: S20: and no longer once the tag's digest leaves the baseline", { desired: desired({ ...pinnedStable, baselineDigest: digest("a") }), observed: runs(task("stable", null)), seen: seen([], { stable: "c" }) }, "Deploy stable digest_changed"],
  ["9: our tag registered anew without digest is in sync", { desired: desired({ ...pinnedStable, baselineDigest: digest("a"), baselineAt: minutesAgo(60) }), history: history({ lastAccepted: attempt({ toTag: tag("stable"), toDigest: digest("a") }) }), observed: runs(task("stable", null)), seen: seen([], { stable: "c" }) }, "InSync stable"],
  ["9: in tag form the marker's attempt says the digest", { desired: desired({ ...pinnedStable, baselineDigest: digest("c") }), history: history({ markers: new Map([[marker(1), { tag: tag("stable"), digest: digest("a") }]]) }), observed: runs(task("stable", null, { marker: marker(1) })), seen: seen([], { stable: "a" }) }, "InSync stable"],
  ["10: stalls where the rollout of the target failed", { observed: runs(task("v1.1.0", "b"), { deployment: deployment("failed") }) }, "Stall rollout_failed"],
  ["10: S11: though its digest is in quarantine", { observed: runs(task("v1.1.0", "b"), { deployment: deployment("failed") }), history: history({ quarantine: quarantineOf("b") }) }, "Stall rollout_failed"],
  ["10: S11: waits for the end of a short quarantine", { ...failedHere, history: history({ quarantine: quarantineOf("b", minutesFromNow(1)) }) }, "Stall rollout_failed"],
  ["10: S11: tries the failed target again once its quarantine is over", { ...failedHere, history: history({ quarantine: quarantineOf("b", noon) }) }, "Deploy v1.1.0 new_version"],
  ["10: S11: not for the end of another digest's", { ...failedHere, history: history({ quarantine: quarantineOf("c", noon) }) }, "Stall rollout_failed"],
  ["10: S11: S13: not while auto_deploy is off", { ...failedHere, desired: desired({ autoDeploy: false }), history: history({ quarantine: quarantineOf("b", noon) }) }, "Wait auto_deploy_off"],
  ["10: S11: tries a mended image under the failed tag", { ...failedHere, seen: seen(["v1.1.0"], { "v1.1.0": "c" }), history: history({ quarantine: quarantineOf("b") }) }, "Deploy v1.1.0 new_version"],
  ["10: a reset of what failed does not try it before S11 does", { ...failedHere, desired: requested({ requestKind: "reset" }), history: history({ quarantine: quarantineOf("b", minutesFromNow(1)) }) }, "Stall rollout_failed"],
  ["10: a version of somebody else's after the failed one is not its failure", { observed: runs(task("v1.1.0", "b"), { deployment: null, version: 4 }), history: history({ lastAccepted: attempt({ state: "failed", nomadVersion: 3 }) }) }, "InSync v1.1.0"],
  ["10: stalls where a rollout without deployment failed", { observed: runs(task("v1.1.0", "b"), { deployment: null }), history: history({ lastAccepted: attempt({ state: "failed" }) }) }, "Stall rollout_failed"],
  ["10: an older version's failure does not count", { observed: runs(task("v1.1.0", "b"), { deployment: deployment("failed", 2) }) }, "InSync v1.1.0"],
  ["11: S13: waits while auto_deploy is off", { ...newVersion, desired: desired({ autoDeploy: false }) }, "Wait auto_deploy_off"],
  ["11: waits while held", { ...newVersion, desired: desired({ hold: hold(null) }) }, "Wait held"],
  ["11: waits until the hold ends", { ...newVersion, desired: desired({ hold: hold(new Date(noon.getTime() + 1)) }) }, "Wait held"],
  ["11: goes on once the hold ended", { ...newVersion, desired: desired({ hold: hold(noon) }) }, "Deploy v1.2.0 new_version"],
  ["11: plans where mode is plan", { ...newVersion, watched: { ...watched, mode: "plan" } }, "Wait plan_mode"],
  ["11: tells in mode plan what stands in the way even so", { ...newVersion, desired: desired({ autoDeploy: false }), watched: { ...watched, mode: "plan" } }, "Wait auto_deploy_off"],
  ["11: plans a request as well", { desired: requested(), watched: { ...watched, mode: "plan" } }, "Wait plan_mode"],
  ["12: S8: never below what runs", { observed: runs(task("v1.3.0", "d")), desired: desired({ baselineTag: tag("v1.3.0"), baselineDigest: digest("d") }) }, "Stall below_what_runs"],
  ["12: S8: never below the high-water mark", { desired: desired({ highWaterMark: tag("v1.9.0") }), seen: seen(["v1.1.0", "v1.2.0"]) }, "Stall below_what_runs"],
  ["12: a high-water mark that is no version orders nothing", { ...newVersion, desired: desired({ highWaterMark: tag("stable") }) }, "Deploy v1.2.0 new_version"],
  ["13: does not run a batch job again", { ...newVersion, observed: runs(task("v1.1.0", "b"), { jobType: "batch" }) }, "Wait would_rerun"],
  ["13: runs it again where batch is rerun", { ...newVersion, watched: { ...watched, batch: "rerun" }, observed: runs(task("v1.1.0", "b"), { jobType: "batch" }) }, "Deploy v1.2.0 new_version"],
  ["13: a periodic parent runs nothing", { ...newVersion, observed: runs(task("v1.1.0", "b"), { jobType: "batch", isParent: true }) }, "Deploy v1.2.0 new_version"],
  ["14: stalls where somebody set a lower version", { observed: runs(task("v1.0.0", "a")) }, "Stall drift"],
  ["14: stalls where somebody set one of two tasks back", { observed: runs(task("v1.1.0", "b"), { tasks: [task("v1.1.0", "b"), task("v1.0.0", "a", { task: "worker" })] }), history: history({ lastAccepted: attempt() }) }, "Stall drift"],
  ["14: S22: stalls where two tasks ran one image at first sight, and somebody set one back", { observed: runs(task("v1.1.0", "b"), { tasks: [task("v1.1.0", "b"), task("v1.0.0", "a", { task: "worker" })] }), desired: desired({ baselineAllAt: minutesAgo(60) }) }, "Stall drift"],
  ["14: stalls where somebody set the highest of a mixed first sight back", { observed: runs(task("v1.0.0", "a"), { tasks: [task("v0.9.0", "c"), task("v1.0.0", "a", { task: "worker" })] }) }, "Stall drift"],
  ["14: restores where drift is restore", { watched: { ...watched, drift: "restore" }, observed: runs(task("v1.0.0", "a")) }, "Deploy v1.1.0 drift"],
  ["14: goes on at a target newer than the one they replaced", { ...newVersion, observed: runs(task("v1.0.0", "a")) }, "Deploy v1.2.0 new_version"],
  ["14: stalls where somebody set another digest of the pin", { desired: desired({ ...pinnedStable, baselineDigest: digest("a") }), observed: runs(task("stable", "c")), seen: seen([], { stable: "a" }) }, "Stall drift"],
  ["14: Nomad's own rollback is no drift", { desired: desired({ baselineTag: tag("v1.0.0"), baselineDigest: digest("a") }), observed: runs(task("v1.0.0", "a")), seen: seen(["v1.0.0", "v1.1.0", "v1.2.0"], { "v1.2.0": "c" }), history: history({ quarantine: quarantineOf("c") }) }, "Deploy v1.1.0 new_version"],
  ["15: S12: stalls after the third foreign write within an hour", { ...newVersion, history: history({ foreignWritesLastHour: 3 }) }, "Stall contested"],
  ["15: S12: not after the second", { ...newVersion, history: history({ foreignWritesLastHour: 2 }) }, "Deploy v1.2.0 new_version"],
  ["16: stalls on what Nomad refused, in its words", { ...newVersion, history: history({ lastRejected: attempt({ state: "rejected", toTag: tag("v1.2.0"), baseIndex: 100, changedAt: minutesAgo(59) }) }) }, "Stall rejected"],
  ["16: tries again after an hour", { ...newVersion, history: history({ lastRejected: attempt({ state: "rejected", toTag: tag("v1.2.0"), baseIndex: 100, changedAt: minutesAgo(60) }) }) }, "Deploy v1.2.0 new_version"],
  ["16: tries again once the job changed", { ...newVersion, history: history({ lastRejected: attempt({ state: "rejected", toTag: tag("v1.2.0"), baseIndex: 99, changedAt: minutesAgo(1) }) }) }, "Deploy v1.2.0 new_version"],
  ["16: tries again under another config", { ...newVersion, history: history({ lastRejected: attempt({ state: "rejected", toTag: tag("v1.2.0"), baseIndex: 100, changedAt: minutesAgo(1), fingerprint: "another" }) }) }, "Deploy v1.2.0 new_version"],
  ["16: tries another digest of the refused tag", { ...newVersion, seen: seen(["v1.1.0", "v1.2.0"], { "v1.2.0": "d" }), history: history({ lastRejected: attempt({ state: "rejected", toTag: tag("v1.2.0"), toDigest: digest("c"), baseIndex: 100, changedAt: minutesAgo(1) }) }) }, "Deploy v1.2.0 new_version"],
  ["17: deploys a higher version", newVersion, "Deploy v1.2.0 new_version"],
  ["17: deploys the overwritten pin", { desired: desired({ ...pinnedStable, baselineDigest: digest("a") }), observed: runs(task("stable", "a")), seen: seen([], { stable: "b" }) }, "Deploy stable digest_changed"],
  ["17: S20: what was accepted since, in a job that the repository left, wrote nothing here", { desired: desired({ ...pinnedStable, baselineDigest: digest("a") }), history: history({ lastAccepted: attempt({ toTag: tag("stable"), toDigest: digest("a"), acceptedAt: minutesAgo(30) }) }), observed: runs(task("stable", null)), seen: seen([], { stable: "c" }) }, "Deploy stable digest_changed"],
  ["17: S22: deploys where one of two tasks is behind", { observed: runs(task("v1.1.0", "b"), { tasks: [task("v1.1.0", "b"), task("v1.0.0", "a", { task: "worker" })] }) }, "Deploy v1.1.0 new_version"],
  ["17: S22: nor is it held against a baseline that the release before set since", { observed: runs(task("v1.1.0", "b"), { tasks: [task("v1.1.0", "b"), task("v1.0.0", "a", { task: "worker" })] }), desired: desired({ baselineAllAt: minutesAgo(61) }) }, "Deploy v1.1.0 new_version"],
  ["S11: skips a version in quarantine for the next lower one that is not below", { seen: seen(["v1.1.0", "v1.2.0", "v1.3.0"], { "v1.3.0": "c" }), history: history({ quarantine: quarantineOf("c") }) }, "Deploy v1.2.0 new_version"],
  ["S11: tries again once the quarantine ended", { seen: seen(["v1.1.0", "v1.2.0"], { "v1.2.0": "c" }), history: history({ quarantine: quarantineOf("c", noon) }) }, "Deploy v1.2.0 new_version"],
  ["S11: an auto-reverted version is not tried again", { seen: seen(["v1.1.0", "v1.2.0"], { "v1.2.0": "c" }), history: history({ quarantine: quarantineOf("c") }) }, "InSync v1.1.0"]
]

describe("decide", () => {
  it.each(rows)("%s", (_, change, expected) => assert.strictEqual(told(situation(change)), expected))

  const drawn = Schema.Struct({
    desired: Desired,
    observed: Observed,
    listed: Schema.Array(
      Schema.Literals(["v1.0.0", "v1.1.0", "v1.2.0", "v2.0.0", "stable", "latest", "1.4"])
    ),
    quarantined: Schema.Boolean
  })
  const drawnSituation = ({ desired, observed, listed, quarantined }: typeof drawn.Type): Situation =>
    situation({
      desired,
      observed,
      seen: seen([...new Set(listed)], { "v1.2.0": "c", stable: "d" }),
      history: history({ quarantine: quarantined ? quarantineOf("c") : [] })
    })

  it.prop("is total, and gives every wait and stall its words", [drawn], ([input]) => {
    const decision = decide(drawnSituation(input))
    return decision._tag !== "Stall" || decision.reason.length > 0
  })

  it.prop("S13: deploys nothing by itself while auto_deploy is off", [drawn], ([input]) => {
    const off = { ...input.desired, autoDeploy: false, requestedGeneration: null }
    return decide(drawnSituation({ ...input, desired: off }))._tag !== "Deploy"
  })

  const versions = ["v1.0.0", "v1.1.0", "v1.2.0", "v2.0.0"] as const
  it.prop(
    "S8: deploys no version below what runs or the high-water mark by itself",
    [
      Schema.Literals(versions),
      Schema.Literals(versions),
      Schema.Array(Schema.Literals(versions)),
      Schema.Literals(["hold", "restore"])
    ],
    ([running, mark, listed, drift]) => {
      const decision = decide(
        situation({
          watched: { ...watched, drift },
          desired: desired({ highWaterMark: tag(mark) }),
          observed: runs(task(running, "b")),
          seen: seen([...new Set(listed)])
        })
      )
      return (
        decision._tag !== "Deploy" ||
        (versions.indexOf(decision.tag as never) >= versions.indexOf(running) &&
          versions.indexOf(decision.tag as never) >= versions.indexOf(mark))
      )
    }
  )
})

describe("rule 10 says when", () => {
  it.each([
    [minutesFromNow(15), "failed; tried again at 2026-01-01T12:15:00Z"],
    [null, "failed; a person, or another image, is needed"]
  ])("%s", (until, words) =>
    assert.deepInclude(
      decide(situation({ ...failedHere, history: history({ quarantine: quarantineOf("b", until) }) })),
      {
        words
      }
    )
  )
})

describe("nextTurn", () => {
  it.each<readonly [sentence: string, change: Partial<Situation>, minutes: number | null]>([
    [
      "is nothing where nothing ends",
      { desired: desired({ hold: hold(null) }), history: history({ quarantine: quarantineOf("c") }) },
      null
    ],
    [
      "S11: is the end of a quarantine",
      { history: history({ quarantine: quarantineOf("c", minutesFromNow(15)) }) },
      15
    ],
    ["is not what is over", { history: history({ quarantine: quarantineOf("c", noon) }) }, null],
    [
      "is the end of a hold, where that comes first",
      {
        desired: desired({ hold: hold(minutesFromNow(5)) }),
        history: history({ quarantine: quarantineOf("c", minutesFromNow(15)) })
      },
      5
    ],
    [
      "16: is the end of the hour after a refusal",
      { history: history({ lastRejected: attempt({ changedAt: minutesAgo(20) }) }) },
      40
    ]
  ])("%s", (_, change, minutes) =>
    assert.deepStrictEqual(nextTurn(situation(change)), minutes === null ? null : minutesFromNow(minutes))
  )
})

describe("isAnswered", () => {
  it.each([
    ["a reset whose target the job has", { desired: requested({ requestKind: "reset" }) }, true],
    [
      "a pin of what runs is an order to deploy it",
      { desired: requested({ pinnedTag: tag("v1.1.0") }) },
      false
    ],
    [
      "a second click while the first is rolling",
      {
        desired: requested({ pinnedTag: tag("v1.1.0") }),
        history: history({ rolling: [attempt({ state: "accepted", phase: "rolling" })] })
      },
      true
    ],
    [
      "a request for something else than what rolls",
      {
        desired: requested({ pinnedTag: tag("v1.0.0") }),
        seen: seen([], { "v1.0.0": "a" }),
        history: history({ rolling: [attempt({ state: "accepted", phase: "rolling" })] })
      },
      false
    ],
    [
      "nothing while an attempt is open",
      {
        desired: requested({ requestKind: "reset" }),
        history: history({ openAttempt: attempt({ state: "submitted" }) })
      },
      false
    ],
    ["nothing where no request is open", { desired: desired() }, false]
  ] satisfies ReadonlyArray<readonly [string, Partial<Situation>, boolean]>)("%s", (_, change, expected) =>
    assert.strictEqual(isAnswered(situation(change)), expected)
  )
})
