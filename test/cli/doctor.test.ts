import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestConsole } from "effect/testing"
import { doctor } from "../../src/cli/doctor/doctor.ts"
import type { Finding } from "../../src/cli/doctor/Finding.ts"
import type { Config } from "../../src/config/Config.ts"
import type { RegistryEndpoint } from "../../src/domain/RegistryEndpoint.ts"
import type { Watched } from "../../src/domain/Watched.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { type Examined, examine } from "../../src/store/examine.ts"
import { DatabaseUnreachable } from "../../src/store/StartError.ts"
import { endpointAt } from "../deployer/NomadScript.ts"
import { emptyDatabase, freshDatabase, noPostgres } from "../real/postgres.ts"
import { watchedAs } from "../reconcile/loop.ts"
import { pass, story } from "../reconcile/story.ts"

const sound: Examined = { where: "db:5432/rw", version: "15.3", toApply: [], tokensExist: true }
const loopback = { host: "127.0.0.1", port: 8080 }

/** A repository and a job of each of these names; the job runs v1.0.0. */
const begin = Effect.fnUntraced(function* (
  names: ReadonlyArray<string>,
  change: (watched: Watched) => Watched = (watched) => watched
) {
  const nomad = yield* NomadSimulator
  const registry = yield* RegistrySimulator
  const { origin } = registry
  for (const name of names) {
    yield* registry.push(name, "v1.0.0")
    yield* nomad.register(sampleJob({ id: name, image: `${origin.host}/${name}:v1.0.0` }))
  }
  yield* pass("15 seconds")
  const endpoint = { name: "sim", origin, credentials: undefined } as unknown as RegistryEndpoint
  const config = {
    warnings: [],
    places: { listen: { source: "x.toml", line: 1 }, database: { source: "x.toml", line: 2 } },
    listen: loopback,
    allowUnauthenticated: false,
    database: Redacted.make("postgres://db"),
    registries: new Map([["sim", endpoint]]),
    watched: names.map((name) => change(watchedAs(name, origin.host))),
    nomad: endpointAt(new URL(nomad.url))
  } as unknown as Config
  return { nomad, registry, config }
})

/** Each check with its result, in the order told; the exit's words; and what was found. */
const examined = Effect.fnUntraced(function* (
  config: Config,
  database: Parameters<typeof doctor>[1] = Effect.succeed(sound)
) {
  const before = (yield* TestConsole.logLines).length
  const refused = yield* Effect.match(doctor(config, database, true, 0), {
    onSuccess: () => null,
    onFailure: ({ message }) => message
  })
  const printed = (yield* TestConsole.logLines).slice(before).join("\n")
  const findings = JSON.parse(printed) as ReadonlyArray<Finding>
  return { refused, findings, results: findings.map(({ check, result }) => `${result} ${check}`) }
})

describe("doctor", () => {
  story(
    "S5: names every check that passed, and not a byte of the jobs has changed",
    Effect.gen(function* () {
      const { nomad, config } = yield* begin(["api", "web"])
      const before = yield* nomad.job("default", "api")
      const { refused, results, findings } = yield* examined(config)
      assert.deepStrictEqual(results, [
        "ok database",
        "ok registry sim",
        "ok repository api",
        "ok repository web",
        "ok nomad, namespace default",
        "ok events of nomad, namespace default",
        "ok job api of api",
        "ok job web of web"
      ])
      assert.isNull(refused)
      assert.match(
        findings[6]?.words ?? "",
        /:v1\.0\.0; read-job and register are held, and so is read-logs$/
      )
      assert.deepStrictEqual(yield* nomad.job("default", "api"), before)
      assert.lengthOf(yield* nomad.registers, 0)
    })
  )

  story(
    "names each right that is missing: of the list, of the job, of a register, of its log",
    Effect.gen(function* () {
      const { nomad, config } = yield* begin(["api"])
      const denied = { _tag: "Answer", status: 403, body: "Permission denied", times: 1 } as const
      const faults = [
        ["/v1/jobs", "GET", "warning nomad, namespace default", /needs list-jobs in namespace "default"/],
        [
          "/v1/event/stream",
          "GET",
          "warning events of nomad, namespace default",
          /needs read-job in namespace "default"/
        ],
        ["/v1/job/api", "GET", "wrong job api of api", /needs read-job in namespace "default"/],
        ["/v1/jobs", "POST", "wrong job api of api", /needs register-job \(submit-job before/],
        ["/v1/client/fs/logs/", "GET", "warning job api of api", /needs read-logs in namespace "default"/]
      ] as const
      for (const [path, method, result, words] of faults) {
        yield* nomad.inject({ ...denied, path, method })
        const { refused, findings } = yield* examined(config)
        const notOk = findings.filter((found) => found.result !== "ok")
        assert.deepStrictEqual(
          notOk.map((found) => `${found.result} ${found.check}`),
          [result]
        )
        assert.match(notOk[0]?.words ?? "", words)
        assert.include(notOk[0]?.remedy ?? "", "deploy/policy.hcl")
        assert.strictEqual(refused !== null, result.startsWith("wrong"))
      }
    })
  )

  story(
    "a log that a node does not give says nothing of the right to it",
    Effect.gen(function* () {
      const { nomad, config } = yield* begin(["api"])
      const path = "/v1/client/fs/logs/"
      yield* nomad.inject({ _tag: "Answer", path, status: 500, body: "No path to node" })
      const { refused, findings } = yield* examined(config)
      assert.isNull(refused)
      assert.match(findings.at(-1)?.words ?? "", /read-logs was not tried: Nomad answered 500$/)
    })
  )

  story(
    "L6: asks a registry or a Nomad that does not answer once, and goes on with the others",
    Effect.gen(function* () {
      const { nomad, registry, config } = yield* begin(["api", "web"])
      yield* registry.fault({ image: "api", status: 503 })
      yield* nomad.inject({ _tag: "Answer", path: "/v1/jobs", status: 500, body: "no servers" })
      const gone = new DatabaseUnreachable({ where: "db:5432", words: "connection refused" })
      const { refused, results, findings } = yield* examined(config, Effect.fail(gone))
      assert.deepStrictEqual(results, [
        "wrong database",
        "wrong registry sim",
        "wrong nomad, namespace default"
      ])
      assert.strictEqual(refused, "3 of 3 checks found something wrong")
      assert.match(findings[1]?.words ?? "", /its 1 other repositories were not asked for$/)
      for (const { remedy } of findings) assert.isNotNull(remedy)
    })
  )

  story(
    "asks for a client's certificate where Nomad hangs up over TLS and none is given",
    Effect.gen(function* () {
      const { nomad, config } = yield* begin(["api"])
      yield* nomad.inject({ _tag: "Drop", when: "before" })
      const remedies = yield* Effect.forEach(["http://nomad:4646", "https://nomad:4646"], (address) =>
        Effect.map(
          examined({ ...config, nomad: { ...config.nomad, address: new URL(address) } }),
          ({ findings }) => findings.at(-1)?.remedy ?? ""
        )
      )
      assert.deepStrictEqual(
        remedies.map((remedy) => remedy.includes("NOMAD_CLIENT_CERT")),
        [false, true]
      )
    })
  )

  story(
    "says of a repository that is not there, a job that is absent and a task that is not in it, what to do",
    Effect.gen(function* () {
      const { config } = yield* begin(["api", "web", "db"], (watched) =>
        watched.name === "web"
          ? { ...watched, image: "nowhere", mapping: { ...watched.mapping, tasks: ["gone"] } }
          : watched.name === "db"
            ? {
                ...watched,
                mapping: { ...watched.mapping, job: { ...watched.mapping.job, job: "absent" } }
              }
            : watched
      )
      const { findings } = yield* examined(config)
      const wrong = findings.filter(({ result }) => result === "wrong")
      assert.deepStrictEqual(
        wrong.map(({ check }) => check),
        ["repository web", "job web of web", "job absent of db"]
      )
      assert.match(wrong[0]?.remedy ?? "", /push nowhere/)
      assert.match(wrong[1]?.remedy ?? "", /nomad_task_name/)
      assert.match(wrong[2]?.remedy ?? "", /nomad_job_name/)
    })
  )

  story(
    "X7: an open listener is wrong while no token exists, as a start would have it",
    Effect.gen(function* () {
      const { config } = yield* begin([])
      const open = { ...config, listen: { host: "0.0.0.0", port: 8080 } }
      const { results } = yield* examined(open, Effect.succeed({ ...sound, tokensExist: false }))
      assert.include(results, "wrong listener")
      assert.notInclude((yield* examined(open)).results, "wrong listener")
    })
  )

  story(
    "tells people one line a check, with what to do",
    Effect.gen(function* () {
      const { registry, config } = yield* begin(["api"])
      yield* registry.deleteTag("api", "v1.0.0")
      const before = (yield* TestConsole.logLines).length
      yield* doctor(config, Effect.succeed(sound), false, 0)
      const lines = (yield* TestConsole.logLines).slice(before)
      assert.lengthOf(lines, 6)
      assert.match(String(lines[2]), /^warning +repository api: .* without a tag -> push a version$/)
      // In a terminal, what to do stands below what was found.
      yield* doctor(config, Effect.succeed(sound), false, 60)
      assert.strictEqual(
        String((yield* TestConsole.logLines).slice(before + 6)[2]),
        "warning  repository api: registry sim has it without a tag\n         -> push a version"
      )
    })
  )
})

const options = (database: Redacted.Redacted, createDatabaseSchema: boolean) => ({
  database,
  leaderDatabase: undefined,
  createDatabaseSchema
})

describe.skipIf(noPostgres)("the database, only looked at", () => {
  it.live("says its version, and that the schema is ours", () =>
    Effect.gen(function* () {
      const found = yield* examine(options(yield* freshDatabase, false))
      assert.match(found.version, /^\d{2}/)
      assert.deepInclude(found, { toApply: [], tokensExist: false })
    })
  )

  it.live("S18: of an empty one says what a start would apply, and applies nothing", () =>
    Effect.gen(function* () {
      const empty = yield* emptyDatabase
      const { toApply } = yield* examine(options(empty, true))
      assert.include(toApply, "0001_desired_state")
      assert.deepStrictEqual((yield* examine(options(empty, true))).toApply, toApply)
      const error = yield* Effect.flip(examine(options(empty, false)))
      assert.strictEqual(error._tag, "SchemaMissing")
    })
  )
})
