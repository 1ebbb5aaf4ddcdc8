import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { get } from "node:http"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import type { JobBody } from "./Answers.ts"
import { changed, deployment, newId, post, stableJob } from "./steps.ts"
import type { Target } from "./Target.ts"

const nomads = ["x-nomad-index", "x-nomad-knownleader", "x-nomad-lastcontact"]

/** Headers, compression, and the paths of ids that look like paths. */
export const headers = (target: () => Target): void => {
  it.live("statement 54: a job is compressed for who accepts that", () =>
    Effect.gen(function* () {
      const id = newId()
      yield* post(target(), fixtureJob({ id, count: 0 }))
      const encodingFor = (accepted: string) =>
        Effect.callback<readonly [string | undefined, string | undefined]>((resume) => {
          const options = { headers: { "Accept-Encoding": accepted } }
          get(`${target().url}/v1/job/${id}`, options, (response) => {
            response.resume()
            resume(Effect.succeed([response.headers["content-encoding"], response.headers.vary]))
          })
        })
      assert.deepStrictEqual(yield* encodingFor("gzip"), ["gzip", "Accept-Encoding"])
      assert.deepStrictEqual(yield* encodingFor("identity"), [undefined, "Accept-Encoding"])
    })
  )

  it.live("statement 60: writes and plans tell an index, reads tell of the leader too", () =>
    Effect.gen(function* () {
      const { id, job } = yield* stableJob(target())
      const told = (path: string, method = "GET", body?: unknown) =>
        Effect.map(target().call(method, path, body), (reply) => {
          assert.strictEqual(reply.status, 200, `${path}: ${reply.text}`)
          return nomads.filter((name) => reply.headers.has(name))
        })
      const { ID } = yield* deployment(target(), id, 0, "successful")
      const scaled = { Target: { Group: "g" }, Count: 2 }
      assert.deepStrictEqual(yield* told(`/v1/job/${id}/plan`, "POST", { Job: changed(job) }), [
        "x-nomad-index"
      ])
      assert.deepStrictEqual(yield* told(`/v1/job/${id}/scale`, "POST", scaled), ["x-nomad-index"])
      const registered = yield* post(target(), changed(job))
      assert.deepStrictEqual(
        nomads.filter((name) => registered.headers.has(name)),
        ["x-nomad-index"]
      )
      for (const path of [`job/${id}`, `evaluation/${registered.json.EvalID}`, `deployment/${ID}`]) {
        assert.deepStrictEqual(yield* told(`/v1/${path}`), nomads, path)
      }
    })
  )

  it.live("statement 106: an id that ends in a path's own name is reached by the list alone", () =>
    Effect.gen(function* () {
      const id = `${newId()}/deployment`
      yield* post(target(), fixtureJob({ id, count: 0 }))
      const path = `/v1/job/${encodeURIComponent(id)}`
      const read = yield* target().call("GET", path)
      assert.deepStrictEqual([read.status, read.json], [200, null])
      assert.strictEqual((yield* target().call("DELETE", path)).status, 405)
      const listed = yield* target().call<ReadonlyArray<JobBody>>(
        "GET",
        `/v1/jobs?prefix=${encodeURIComponent(id)}`
      )
      assert.deepStrictEqual(
        listed.json.map(({ ID, Version }) => [ID, Version ?? "no version in a stub"]),
        [[id, "no version in a stub"]]
      )
      const stopped = yield* post(target(), { ...fixtureJob({ id, count: 0 }), Stop: true })
      assert.isAbove(stopped.json.JobModifyIndex, 0)
      const versions = yield* target().call<{ readonly Versions: ReadonlyArray<JobBody> }>(
        "GET",
        `${path}/versions`
      )
      assert.deepStrictEqual(
        versions.json.Versions.map(({ Stop }) => Stop),
        [true, false]
      )
    })
  )
}
