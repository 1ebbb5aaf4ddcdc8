import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import type { Attempt } from "../../src/domain/Attempt.ts"
import { markerKey } from "../../src/domain/Attempt.ts"
import { attemptA, attemptB, group, image, job, type Json, recording, task } from "./jobs.ts"
import { nomadScript, type Said } from "./NomadScript.ts"

/** What settling looks at of an attempt; its register had base 1171, version 0, as `ca-web` of the recordings. */
const attempt = (rest: Partial<Attempt> = {}) =>
  ({
    id: attemptA,
    region: "",
    namespace: "default",
    job: "ca-web",
    baseIndex: 1171,
    baseVersion: 0,
    ...rest
  }) as Attempt

/** `version:index` with a marker or none, as `/versions` has it: highest first. */
const version = (Version: number, JobModifyIndex: number, marker?: string, rest: Json = {}) =>
  job([group("g", [task("t", { image }, marker === undefined ? {} : { Meta: { [markerKey]: marker } })])], {
    Version,
    JobModifyIndex,
    ModifyIndex: JobModifyIndex + 1,
    ...rest
  })

const settling = (said: Said, rest: Partial<Attempt> = {}) =>
  Effect.gen(function* () {
    const { endpoint, asked } = yield* nomadScript(() => said)
    const settled = yield* Deployer.use((deployer) => Effect.result(deployer.settle(attempt(rest)))).pipe(
      Effect.provide(Deployer.layer(endpoint))
    )
    return { settled, asked }
  })
const listing = (...versions: ReadonlyArray<Json>): Said => ({ json: { Versions: versions, Diffs: null } })

const base = version(0, 1171)
describe("settle", () => {
  it.effect.each<[string, Said, string]>([
    ["found in the newest version", listing(version(1, 1182, attemptA), base), "Accepted 1182 version 1"],
    [
      "found below a newer one: mutant 7",
      listing(version(2, 1187), version(1, 1182, attemptA), base),
      "Accepted 1182 version 1"
    ],
    [
      "the lowest counts: a rollback or a scale carries the marker again",
      listing(version(3, 1190, attemptA), version(2, 1187, attemptB), version(1, 1182, attemptA), base),
      "Accepted 1182 version 1"
    ],
    [
      "found where the versions do not reach back",
      listing(version(9, 1300, attemptA)),
      "Accepted 1300 version 9"
    ],
    ["in none, and nobody wrote", listing(base), "Absent"],
    ["in none, and only the status moved", listing({ ...base, ModifyIndex: 1200 }), "Absent"],
    ["the base carries it already, which proves nothing", listing(version(0, 1171, attemptA)), "Absent"],
    [
      "in none, and somebody wrote",
      listing(version(1, 1182, attemptB), base),
      "Moved: somebody else wrote version 1 of the job"
    ],
    [
      "an unbroken row without the base itself proves as much",
      listing(version(2, 1190), version(1, 1182)),
      "Moved: somebody else wrote version 2 of the job"
    ],
    [
      "the versions do not reach back",
      listing(version(3, 1195), version(2, 1190)),
      "OutOfReach: Nomad no longer has version 1 of the job, so it can not be told whether the register was taken"
    ],
    [
      "an old stable version below a gap",
      listing(version(3, 1195), version(2, 1190), base),
      "OutOfReach: Nomad no longer has version 1 of the job, so it can not be told whether the register was taken"
    ],
    [
      "purged and made again",
      listing(version(0, 1300, attemptA, { CreateIndex: 1300 })),
      "Moved: the job was purged and made again"
    ],
    ["gone", { status: 404, text: "job versions not found" }, "Moved: the job is gone"],
    [
      "S24: an index below the base is stale",
      listing(version(0, 1160, undefined, { CreateIndex: 1160, ModifyIndex: 1161 })),
      "nomad_unreachable: Nomad answered with the job at index 1161, after 1171 was seen"
    ],
    [
      "no leader",
      { status: 500, text: "No cluster leader" },
      "nomad_unreachable: Nomad answered 500: No cluster leader"
    ],
    [
      "no right",
      { status: 403, text: "Permission denied" },
      `forbidden: Nomad answered 403: Permission denied; the token needs read-job in namespace "default"`
    ],
    [
      "X23: half an answer",
      { status: 200, text: '{"Versions":[{' },
      "nomad_unreachable: Nomad's answer is not a list of job versions"
    ]
  ])("S6: %s", ([, said, expected]) =>
    Effect.map(settling(said), ({ settled }) => {
      const brief =
        settled._tag === "Failure"
          ? `${settled.failure.reason}: ${settled.failure.words}`
          : settled.success._tag === "Accepted"
            ? `Accepted ${settled.success.nomadIndex} version ${settled.success.nomadVersion}`
            : settled.success._tag === "Absent"
              ? "Absent"
              : `${settled.success._tag}: ${settled.success.words}`
      assert.strictEqual(brief, expected)
    })
  )

  it.effect("S6: in the versions that a real agent has after a rollback", () =>
    Effect.gen(function* () {
      const { settled } = yield* settling({ json: recording("versions-after-revert") })
      assert.deepInclude(settled, { _tag: "Success" })
      assert.deepInclude(settled._tag === "Success" ? settled.success : {}, {
        words: "somebody else wrote version 2 of the job"
      })
    })
  )
})
