import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import type { JobBody, StubBody } from "./Answers.ts"
import { eventually, getJob, newId, post, some } from "./steps.ts"
import type { DockerTarget } from "./Target.ts"

const second = 1e9

/** A job of one container on the host's network; its text is what its image writes. */
const jobOf = (id: string, image: string, config: object = {}, task: object = {}) =>
  fixtureJob({
    id,
    // A first try and one restart.
    group: { RestartPolicy: { Attempts: 1, Mode: "fail", Interval: 30 * second, Delay: second } },
    update: { HealthyDeadline: 20 * second, ProgressDeadline: 30 * second },
    task: {
      Driver: "docker",
      Config: { image, network_mode: "host", ...config },
      Resources: { CPU: 20, MemoryMB: 32 },
      ...task
    }
  })

const newest = (all: ReadonlyArray<StubBody>): StubBody | undefined =>
  all.reduce<StubBody | undefined>(
    (a, b) => (a === undefined || b.CreateIndex > a.CreateIndex ? b : a),
    undefined
  )

const events = ({ TaskStates }: StubBody) =>
  TaskStates.t.Events.map(({ Type, DisplayMessage }) => [Type, DisplayMessage] as const)

/** Images, and which of them a node runs. */
export const docker = (target: () => DockerTarget): void => {
  const image = (rest: string) => `${target().registry}/${rest}`
  const allocation = (id: string, version: number, status: string) =>
    Effect.map(
      eventually<ReadonlyArray<StubBody>>(target(), `/v1/job/${id}/allocations`, ({ json }) => {
        const found = newest(json)
        return found?.JobVersion === version && found.ClientStatus === status
      }),
      ({ json }) => some(newest(json))
    )
  /** What the running image of that version wrote. */
  const said = (id: string, version: number) =>
    Effect.gen(function* () {
      const { ID } = yield* allocation(id, version, "running")
      const path = `/v1/client/fs/logs/${ID}?task=t&type=stdout&plain=true`
      return (yield* eventually(
        target(),
        path,
        ({ status, text }) => status === 200 && text !== ""
      )).text.trim()
    })
  const stop = (id: string) => target().call("DELETE", `/v1/job/${id}`)

  it.live(
    "statement 55: `https://` is cut off; `http://` fails for good, a tag that is not there is tried again",
    () =>
      Effect.gen(function* () {
        const repository = newId()
        yield* target().push(repository, "1", "it runs")
        const [https, http, missing] = [newId(), newId(), newId()]
        yield* post(target(), jobOf(https, `https://${image(`${repository}:1`)}`))
        yield* post(target(), jobOf(http, `http://${image(`${repository}:1`)}`))
        yield* post(target(), jobOf(missing, image(`${repository}:nope`)))
        assert.strictEqual(yield* said(https, 0), "it runs")
        assert.deepStrictEqual(events(yield* allocation(http, 0, "failed")).slice(2, 4), [
          [
            "Driver Failure",
            `unable to create local docker image "http://${image(`${repository}:1`)}": does not match registry specification`
          ],
          ["Not Restarting", "Error was unrecoverable"]
        ])
        const failed = yield* allocation(missing, 0, "failed")
        const at = image(`${repository}:nope`)
        const words = `Failed to pull \`${at}\`: Error response from daemon: manifest for ${at} not found: manifest unknown: manifest unknown`
        const shown = events(failed).filter(([type]) => type !== "Alloc Unhealthy")
        assert.deepStrictEqual(
          shown.map(([type]) => type),
          [
            "Received",
            "Task Setup",
            "Driver",
            "Driver Failure",
            "Restarting",
            "Driver",
            "Driver Failure",
            "Not Restarting"
          ]
        )
        assert.deepStrictEqual(shown[3], ["Driver Failure", words])
        const failure = failed.TaskStates.t.Events.find(({ Type }) => Type === "Driver Failure")
        assert.strictEqual(failure?.Details["driver_error"], words)
        yield* stop(https)
      }),
    90_000
  )

  it.live(
    "statement 56: of tag and digest the digest counts",
    () =>
      Effect.gen(function* () {
        const [repository, id] = [newId(), newId()]
        const first = yield* target().push(repository, "1", "one")
        yield* target().push(repository, "2", "two")
        yield* post(target(), jobOf(id, image(`${repository}:2@${first}`)))
        assert.strictEqual(yield* said(id, 0), "one")
        const { Details } = some(
          (yield* allocation(id, 0, "running")).TaskStates.t.Events.find(({ Type }) => Type === "Driver")
        )
        assert.strictEqual(Details["image"], image(`${repository}@${first}`))
        yield* stop(id)
      }),
    60_000
  )

  it.live(
    "statement 212: after its tag has moved, a revert runs the old image only by cache or digest",
    () =>
      Effect.gen(function* () {
        const [plain, forced, pinned] = [newId(), newId(), newId()]
        const digests = new Map<string, string>()
        for (const repository of [plain, forced, pinned]) {
          digests.set(repository, yield* target().push(repository, "1", "old"))
          yield* target().push(repository, "2", "next")
        }
        const force = { force_pull: true }
        const first = {
          [plain]: jobOf(plain, image(`${plain}:1`)),
          [forced]: jobOf(forced, image(`${forced}:1`), force),
          [pinned]: jobOf(pinned, image(`${pinned}:1@${digests.get(pinned)}`))
        }
        for (const [id, job] of Object.entries(first)) {
          yield* post(target(), job)
          assert.strictEqual(yield* said(id, 0), "old")
          yield* target().push(id, "1", "moved")
          yield* post(target(), jobOf(id, image(`${id}:2`), id === forced ? force : {}))
          assert.strictEqual(yield* said(id, 1), "next")
          const reverted = yield* target().call("POST", `/v1/job/${id}/revert`, { JobID: id, JobVersion: 0 })
          assert.strictEqual(reverted.status, 200, reverted.text)
        }
        assert.strictEqual(yield* said(plain, 2), "old")
        assert.strictEqual(yield* said(forced, 2), "moved")
        assert.strictEqual(yield* said(pinned, 2), "old")
        for (const id of [plain, forced, pinned]) yield* stop(id)
      }),
    120_000
  )

  it.live(
    "statement 213: the client expands an image, and fails for good where it cannot",
    () =>
      Effect.gen(function* () {
        const [repository, known, unknown, node] = [newId(), newId(), newId(), newId()]
        yield* target().push(repository, "1", "expanded")
        const written = image(`${repository}:\${NOMAD_META_tag}`)
        yield* post(target(), jobOf(known, written, {}, { Meta: { tag: "1" } }))
        yield* post(target(), jobOf(unknown, written))
        yield* post(target(), jobOf(node, image(`${repository}:\${meta.tag}`), {}, { Meta: { tag: "1" } }))
        assert.strictEqual(yield* said(known, 0), "expanded")
        const stored: JobBody = yield* getJob(target(), known)
        assert.strictEqual(stored.TaskGroups[0].Tasks[0].Config["image"], written)
        for (const [id, words] of [
          [unknown, 'Unknown variable: There is no variable named "NOMAD_META_tag".'],
          [node, 'Unsupported attribute: This object does not have an attribute named "tag".']
        ] as const) {
          assert.deepStrictEqual(events(yield* allocation(id, 0, "failed")).slice(2, 4), [
            ["Failed Validation", `2 errors occurred:\n\t* failed to parse config: \n\t* ${words}\n\n`],
            ["Not Restarting", "Error was unrecoverable"]
          ])
        }
        yield* stop(known)
      }),
    60_000
  )
}
