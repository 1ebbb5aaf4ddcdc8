import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { type Decision, StallReason, WaitReason } from "../../src/domain/Decision.ts"
import type { Desired } from "../../src/domain/Desired.ts"
import { Ballot } from "../../src/decide/Ballot.ts"
import type { Entry } from "../../src/server/Catalogue.ts"
import { why } from "../../src/server/why.ts"
import type { RepositoryStatus } from "../../src/store/statuses.ts"
import {
  desired,
  digest,
  marker,
  minutesAgo,
  noon,
  requested,
  runs,
  seen,
  tag,
  task,
  watched
} from "../decide/situations.ts"

const status = (change: Partial<RepositoryStatus>): RepositoryStatus => ({
  desired: desired(),
  observed: runs(task("v1.1.0", "b")),
  observedAt: minutesAgo(5),
  decision: null,
  decidedAt: minutesAgo(5),
  checkedAt: new Date(noon.getTime() - 12_000),
  readAt: noon,
  ...change
})

/** Without a view: nothing is known of tags but what the decision says. */
const entry = (change: Partial<RepositoryStatus>, seen: Partial<Entry> = {}): Entry => {
  const now = status(change)
  const { desired, observed, readAt } = now
  return {
    status: now,
    desired,
    observed,
    readAt,
    view: null,
    history: { ran: [], quarantine: [] },
    ballot: new Ballot(),
    ...seen
  }
}

const say = (of: Entry) => why(watched, of, Duration.seconds(59))

const would = { tag: tag("v1.2.0"), digest: null }
const ends = "; the registry was last read 12 s ago."
const before = "api runs v1.1.0, and v1.2.0 is wanted but not deployed: "

/** Where the words come from others, they are these. */
const waits: Record<WaitReason, readonly [words: string, because: string]> = {
  nomad_unreachable: [
    "ECONNREFUSED",
    "Nomad does not answer as it should (ECONNREFUSED); it goes on by itself once Nomad answers"
  ],
  forbidden: [
    "read-job is missing",
    "Nomad does not let us (read-job is missing); give our token that right"
  ],
  registry_unreachable: [
    "registry main: Unavailable",
    "the registry can not be read (registry main: Unavailable); it goes on by itself once it answers; if it refuses us, see registry_auth"
  ],
  not_viewed_yet: ["", "the registry was not read yet; it is asked within the interval, or by a check now"],
  suspect_view: [
    "the last listing is suspect (empty)",
    "the last listing is suspect (empty); push the missing tags again, or accept the view if they are gone for good"
  ],
  nothing_elected: [
    "v1.2.0 failed before with this digest",
    "no tag is elected: v1.2.0 failed before with this digest; push a released version, or pin a tag"
  ],
  not_following: [
    "",
    "what runs is no released version, so that no versions are followed; reset to follow versions, or pin a tag"
  ],
  tag_missing: ["the registry has no tag stable", "the registry has no tag stable; push it, or pin another"],
  auto_deploy_off: ["", "auto_deploy is off; switch it on, or order it: pin the tag, or reset"],
  held: ["held by ann", "held by ann; it goes on by itself"],
  plan_mode: ["", 'in mode "plan" nothing is deployed; set mode = "act" in the config'],
  would_rerun: [
    "",
    'a batch job would run once more; set batch = "rerun" in the config, or order it: redeploy, or pin the tag'
  ],
  brake: [
    "the brake is on: no push explains this move",
    "the brake is on: no push explains this move; look at the moves that it stops and let them go, on the page or by GET /v1/brake and POST /v1/brake/release"
  ],
  too_many_rollouts: [
    "",
    "as many rollouts as the config lets are under way; it goes on by itself when one of them ends"
  ],
  backing_off: ["Nomad answered 500", "Nomad answered 500; it is tried again by itself"]
}
const stalls: Record<StallReason, readonly [words: string, because: string]> = {
  job_absent: ["", "Nomad has no job api; run the job, or mend nomad_job_name: nothing is ever created here"],
  job_stopped: ["", "the job api is stopped; start it: nothing is ever started here"],
  job_child: ["", "api is one run of a periodic or parameterized job; name its parent as nomad_job_name"],
  job_multiregion: ["", "api is a multiregion job; deploy it by hand: such jobs are not moved"],
  task_not_found: [
    "no task is named web",
    "no task is named web; mend nomad_task_name and nomad_group_name, or the job"
  ],
  image_interpolated: [
    "the image has ${v}",
    "the image has ${v}; write the image into the job without variables"
  ],
  image_malformed: ["a b is no image", "a b is no image; mend the image in the job"],
  image_foreign: [
    "other/api is another image",
    "other/api is another image; mend the image in the job, or name it as image_name in the config"
  ],
  unknown_marker: [
    "task api carries the marker m",
    "task api carries the marker m, as after a restored backup; adopt what the job has, or order a deployment"
  ],
  unknown_outcome: [
    "attempt 1 at v1.2.0: the versions do not reach back",
    "attempt 1 at v1.2.0: the versions do not reach back; abandon that attempt, or order a deployment"
  ],
  rollout_failed: [
    "Failed due to progress deadline",
    "its rollout failed (Failed due to progress deadline); push a version that works, redeploy this one, or roll back"
  ],
  below_what_runs: [
    "v1.0.0 is below v1.1.0: never backwards by itself",
    "v1.0.0 is below v1.1.0: never backwards by itself; pin it if you mean to go back"
  ],
  drift: [
    "",
    'somebody else set the image, where v1.1.0 was; reset, redeploy or pin the tag that you want, push a newer version, or set drift = "restore"'
  ],
  contested: [
    "somebody else changed the image 3 times within an hour",
    "somebody else changed the image 3 times within an hour; stop what else writes the job, then reset, or redeploy or pin the tag that you want"
  ],
  rejected: [
    "1 error: datacenters",
    "Nomad refused the job (1 error: datacenters); mend the job; it is tried again once an hour, and when the job changes"
  ]
}

const inSync: Partial<RepositoryStatus> = {
  decision: { _tag: "InSync", tag: tag("v1.1.0"), digest: digest("b") }
}
const failed = (until: Date | null, letter = "c"): Partial<Entry> => ({
  ...seen(["v1.0.0", "v1.1.0", "v1.2.0"], { "v1.2.0": "c" }),
  history: { ran: [], quarantine: [{ digest: digest(letter), why: "exited 1", until, failures: 1 }] }
})
const passedOver =
  "api runs v1.1.0, which is what is wanted; v1.2.0 is passed over, as it failed (exited 1): "

describe("L13: why", () => {
  it.each(WaitReason.literals.map((reason) => [reason, ...waits[reason]] as const))(
    "says what waits for %s",
    (reason, words, because) => {
      const decision: Decision = { _tag: "Wait", reason, words, would, verdict: null }
      assert.strictEqual(say(entry({ decision })), `${before}${because}${ends}`)
    }
  )

  it.each(StallReason.literals.map((reason) => [reason, ...stalls[reason]] as const))(
    "says what stalls by %s",
    (reason, words, because) => {
      const decision: Decision = { _tag: "Stall", reason, words, would }
      assert.strictEqual(say(entry({ decision })), `${before}${because}${ends}`)
    }
  )

  const held = (hold: Partial<NonNullable<Desired["hold"]>>): Partial<RepositoryStatus> => ({
    desired: desired({
      hold: { by: "ann", why: "the fair", until: null, resume: "manual", left: null, ...hold }
    }),
    decision: { _tag: "Wait", reason: "held", words: "", would, verdict: null }
  })
  const waiting: Decision = { _tag: "Wait", reason: "not_viewed_yet", words: "", would: null, verdict: null }
  const ordered = requested({ requestKind: "redeploy" })

  // prettier-ignore
  it.each<readonly [what: string, change: Partial<RepositoryStatus>, sentence: string]>([
    ["in sync", { decision: { _tag: "InSync", tag: tag("v1.1.0"), digest: digest("b") } }, `api runs v1.1.0, which is what is wanted${ends}`],
    ["in sync with a pin", { desired: desired({ pinnedTag: tag("v1.1.0") }), decision: { _tag: "InSync", tag: tag("v1.1.0"), digest: null } }, `api runs v1.1.0, which is what is wanted (pinned)${ends}`],
    ["a deployment", { decision: { _tag: "Deploy", ...would, reason: "new_version" } }, `api runs v1.1.0, and v1.2.0 is being deployed, as it is newer${ends}`],
    ["a deployment of a pin", { desired: desired({ pinnedTag: tag("v1.2.0") }), decision: { _tag: "Deploy", ...would, reason: "new_version" } }, `api runs v1.1.0, and v1.2.0 is being deployed, as it is pinned${ends}`],
    ["an order that is obeyed", { desired: ordered, decision: { _tag: "Deploy", ...would, reason: "requested" } }, `api runs v1.1.0, and v1.2.0 is being deployed, as ordered${ends}`],
    ["a rollout", { decision: { _tag: "Follow", words: "Deployment is running" } }, `api runs v1.1.0, and a rollout is under way (Deployment is running): nothing else is deployed until it ends${ends}`],
    ["an attempt in doubt", { decision: { _tag: "Settle", attempt: marker(1) } }, `api runs v1.1.0, and it is being found out whether Nomad took attempt ${marker(1)}: nothing else is deployed before${ends}`],
    ["a pin that failed", { desired: desired({ pinnedTag: tag("v1.2.0") }), decision: { _tag: "Wait", reason: "nothing_elected", words: "v1.2.0 failed before with this digest; push another one, or redeploy it", would: null, verdict: "quarantined" } }, `api runs v1.1.0, and v1.2.0 is wanted but not deployed: v1.2.0 failed before with this digest; push another one, or redeploy it; or pin another tag${ends}`],
    ["a hold", held({}), `${before}ann holds it (the fair); release the hold; an order passes it${ends}`],
    ["a hold with an end", held({ until: new Date("2026-02-01T00:00:00Z") }), `${before}ann holds it (the fair); release the hold, which ends by itself at 2026-02-01T00:00:00.000Z; an order passes it${ends}`],
    ["a hold that a version ends", held({ resume: "next_version" }), `${before}ann holds it (the fair); release the hold, which ends by itself with a version above the one it left; an order passes it${ends}`],
    ["a hold that the version after one ends", held({ resume: "next_version", left: { tag: tag("v1.2.0"), digest: null } }), `${before}ann holds it (the fair); release the hold, which ends by itself with a version above v1.2.0; an order passes it${ends}`],
    ["a hold of a pin", { ...held({ resume: "next_version" }), desired: desired({ pinnedTag: tag("v1.2.0"), hold: { by: "ann", why: "the fair", until: null, resume: "next_version", left: { tag: tag("v1.2.0"), digest: digest("c") } } }) }, `${before}ann holds it (the fair); release the hold, which ends by itself with another digest of v1.2.0; an order passes it${ends}`],
    ["an order that no pass has seen", { desired: ordered, decision: { _tag: "InSync", tag: tag("v1.1.0"), digest: null } }, `api runs v1.1.0, which is what is wanted; the redeploy that ann ordered is open${ends}`],
    ["tasks that differ", { observed: { ...runs(task("v1.0.0", "a")), tasks: [task("v1.0.0", "a"), task("v1.1.0", "b"), task("v1.0.0", "a")] }, decision: waiting }, `api runs v1.0.0 and v1.1.0, and nothing is deployed: the registry was not read yet; it is asked within the interval, or by a check now${ends}`],
    ["a pin that was never seen", { desired: desired({ pinnedTag: tag("stable") }), decision: waiting }, `api runs v1.1.0, and stable is wanted but not deployed: the registry was not read yet; it is asked within the interval, or by a check now${ends}`],
    ["a rollout that failed", { observed: runs(task("v1.2.0", "c")), decision: { _tag: "Stall", reason: "rollout_failed", words: "deadline", would } }, `api runs v1.2.0, which is what is wanted, but its rollout failed (deadline); push a version that works, redeploy this one, or roll back${ends}`],
    ["an overwritten tag", { desired: desired({ pinnedTag: tag("v1.1.0") }), decision: { _tag: "Wait", reason: "auto_deploy_off", words: "", would: { tag: tag("v1.1.0"), digest: digest("c") }, verdict: null } }, `api runs v1.1.0, and the same tag with another digest is wanted but not deployed: auto_deploy is off; switch it on, or order it: pin the tag, or reset${ends}`],
    ["a pin whose tag is gone", { desired: desired({ pinnedTag: tag("v1.1.0") }), decision: { _tag: "Wait", reason: "tag_missing", words: "the registry has no tag v1.1.0", would: null, verdict: "missing" } }, `api runs v1.1.0 as pinned, and nothing else is deployed: the registry has no tag v1.1.0; push it, or pin another${ends}`],
    ["a beginning", { observed: null, checkedAt: null }, "what api runs is not known, and nothing was decided yet: no instance that watches it has led; the registry was not read yet."],
    ["a registry that is silent", { checkedAt: minutesAgo(90), decision: { _tag: "InSync", tag: tag("v1.1.0"), digest: null } }, "api runs v1.1.0, which is what is wanted; the registry was last read 90 min ago, though it is asked every 59s: it does not answer, or no instance leads."],
    ["one that is gone", { checkedAt: minutesAgo(3 * 24 * 60), decision: { _tag: "InSync", tag: tag("v1.1.0"), digest: null } }, "api runs v1.1.0, which is what is wanted; the registry was last read 3 days ago, though it is asked every 59s: it does not answer, or no instance leads."],
    ["one that is not late", { checkedAt: new Date(noon.getTime() - 148_000), decision: { _tag: "InSync", tag: tag("v1.1.0"), digest: null } }, "api runs v1.1.0, which is what is wanted; the registry was last read 2 min ago."],
    ["one that is", { checkedAt: new Date(noon.getTime() - 149_000), decision: { _tag: "InSync", tag: tag("v1.1.0"), digest: null } }, "api runs v1.1.0, which is what is wanted; the registry was last read 2 min ago, though it is asked every 59s: it does not answer, or no instance leads."]
  ])("says it of %s", (_, change, sentence) => assert.strictEqual(say(entry(change)), sentence))

  // prettier-ignore
  it.each<readonly [what: string, seen: Partial<Entry>, sentence: string]>([
    ["S11: a version that failed", failed(null), `${passedOver}it is tried again with another digest, or when somebody redeploys it${ends}`],
    ["S11: one that failed for other causes", failed(new Date("2999-01-01T00:00:00Z")), `${passedOver}it is tried again at 2999-01-01T00:00:00.000Z, with another digest, or when somebody redeploys it${ends}`],
    ["S11: one whose time is over", failed(minutesAgo(1)), `api runs v1.1.0, which is what is wanted${ends}`],
    ["S11: another digest that failed", failed(null, "a"), `api runs v1.1.0, which is what is wanted${ends}`],
    ["S11: what runs although it is in quarantine", failed(null, "b"), `api runs v1.1.0, which is what is wanted; it is in quarantine (exited 1) and runs all the same: roll it back, or redeploy it if it is wanted${ends}`],
    ["S11: what runs while it is kept from being tried again", failed(new Date("2999-01-01T00:00:00Z"), "b"), `api runs v1.1.0, which is what is wanted${ends}`],
    ["S9: a listing that lost what runs", seen(["v1.1.0"], {}, { suspect: "empty" }), `api runs v1.1.0, which is what is wanted; the listing is suspect: empty; only a higher version is taken from it, until it is whole again, accepted, or the same for a day${ends}`]
  ])("says it of %s", (_, seen, sentence) => assert.strictEqual(say(entry(inSync, seen)), sentence))

  it("says when it was listed, before it was checked once more", () =>
    assert.strictEqual(
      say(entry({ ...inSync, checkedAt: null }, seen(["v1.1.0"]))),
      "api runs v1.1.0, which is what is wanted; the registry was last read 60 s ago."
    ))

  it("S11: says nothing of versions under a pin", () =>
    assert.strictEqual(
      say(entry({ ...inSync, desired: desired({ pinnedTag: tag("v1.1.0") }) }, failed(null))),
      `api runs v1.1.0, which is what is wanted (pinned)${ends}`
    ))
})
