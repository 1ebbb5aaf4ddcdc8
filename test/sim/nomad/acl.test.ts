import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import { textOf } from "../../../src/sim/nomad/Json.ts"
import { ask, listOf, type Nomad, withNomad } from "./asking.ts"

const managementToken = "c0ffee00-0000-4000-8000-000000000001"
const acl = { managementToken }
const manage = (nomad: Nomad, method: string, path: string, body?: Parameters<typeof ask>[3]) =>
  ask(nomad, method, path, body, managementToken)

const policy = (nomad: Nomad, name: string, Rules: string, JobACL?: Readonly<Record<string, string>>) =>
  Effect.map(
    manage(nomad, "POST", `/v1/acl/policy/${name}`, { Name: name, Rules, JobACL: JobACL ?? null }),
    ({ status, body }) => (status === 200 ? "taken" : body)
  )
const capabilities = (...names: ReadonlyArray<string>) =>
  `namespace "default" { capabilities = ${JSON.stringify(names)} }`

/** A running job whose task has a token. */
const workload = (nomad: Nomad, identity: Readonly<Record<string, number | string>> = {}) =>
  Effect.gen(function* () {
    const Identities = [{ Name: "short", TTL: 15e9, ...identity }]
    yield* manage(nomad, "POST", "/v1/jobs", { Job: fixtureJob({ id: "web", task: { Identities } }) })
    yield* TestClock.adjust("5 seconds")
    const [allocation] = listOf(yield* manage(nomad, "GET", "/v1/job/web/allocations"))
    const token = (name?: string) =>
      Effect.map(nomad.identity(textOf(allocation?.["ID"]), "t", name), (found) => found ?? "")
    return { token }
  })

describe("with ACLs", () => {
  it.effect.each([
    [
      "an unknown capability",
      capabilities("rad-job"),
      undefined,
      /^policy 0 invalid: 1 error occurred:\n\t\* failed to parse rules: Invalid namespace capability 'rad-job'/
    ],
    ["what is no HCL", "namespace {", undefined, /failed to parse rules: line 1: expected/],
    [
      "a job without its namespace",
      capabilities("read-job"),
      { JobID: "web" },
      /namespace must be set to set job ID/
    ],
    [
      "a task without its group",
      capabilities("read-job"),
      { Namespace: "default", JobID: "web", Task: "t" },
      /group must be set to set task/
    ]
  ] as const)("a policy with %s is refused", ([, rules, jobAcl, words]) =>
    withNomad((nomad) => Effect.map(policy(nomad, "p", rules, jobAcl), (said) => assert.match(said, words)), {
      acl
    })
  )

  it.effect("each depth of a policy for a job is a workload's right, and is taken away at once", () =>
    withNomad(
      (nomad) =>
        Effect.gen(function* () {
          const { token } = yield* workload(nomad)
          const own = yield* token()
          const reads = Effect.map(ask(nomad, "GET", "/v1/job/web", undefined, own), ({ status }) => status)
          for (const [jobAcl, status] of [
            [{ Namespace: "default" }, 200],
            [{ Namespace: "default", JobID: "web" }, 200],
            [{ Namespace: "default", JobID: "web", Group: "g" }, 200],
            [{ Namespace: "default", JobID: "web", Group: "g", Task: "t" }, 200],
            [{ Namespace: "default", JobID: "web", Group: "g", Task: "other" }, 403],
            [{ Namespace: "default", JobID: "other" }, 403],
            [{ Namespace: "b" }, 403]
          ] as const) {
            assert.strictEqual(yield* reads, 403)
            yield* policy(nomad, "p", capabilities("read-job"), jobAcl)
            assert.strictEqual(yield* reads, status, JSON.stringify(jobAcl))
            yield* manage(nomad, "DELETE", "/v1/acl/policy/p")
          }
        }),
      { acl }
    )
  )

  it.effect("a token with a TTL counts a minute longer; on the Task API it is 500 after that", () =>
    withNomad(
      (nomad) =>
        Effect.gen(function* () {
          const { token } = yield* workload(nomad)
          yield* policy(nomad, "p", capabilities("read-job"), { Namespace: "default", JobID: "web" })
          const short = yield* token("short")
          const status = (taskApi: boolean) =>
            Effect.map(ask(nomad, "GET", "/v1/job/web", undefined, short, taskApi), (answer) => answer.status)
          yield* TestClock.adjust("75 seconds")
          assert.deepStrictEqual([yield* status(false), yield* status(true)], [200, 200])
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual([yield* status(false), yield* status(true)], [403, 500])
        }),
      { acl }
    )
  )

  it.effect("an ACL token counts until it expires", () =>
    withNomad(
      (nomad) =>
        Effect.gen(function* () {
          yield* policy(nomad, "p", capabilities("read-job"))
          const made = yield* manage(nomad, "POST", "/v1/acl/token", {
            Type: "client",
            Policies: ["p"],
            ExpirationTTL: "10s"
          })
          const status = (taskApi = false) =>
            Effect.map(
              ask(nomad, "GET", "/v1/job/none", undefined, textOf(made.json["SecretID"]), taskApi),
              (answer) => answer.status
            )
          assert.strictEqual(yield* status(), 404)
          yield* TestClock.adjust("10 seconds")
          assert.deepStrictEqual([yield* status(), yield* status(true)], [403, 500])
        }),
      { acl }
    )
  )

  it.effect("a job with a host volume needs the volume too, a plan does not", () =>
    withNomad(
      (nomad) =>
        Effect.gen(function* () {
          yield* policy(nomad, "p", capabilities("submit-job"))
          yield* policy(nomad, "volume", 'host_volume "data" { policy = "write" }')
          const made = (Policies: ReadonlyArray<string>) =>
            Effect.map(manage(nomad, "POST", "/v1/acl/token", { Type: "client", Policies }), ({ json }) =>
              textOf(json["SecretID"])
            )
          const Volumes = { v: { Name: "v", Type: "host", Source: "data", ReadOnly: false } }
          const Job = fixtureJob({ id: "web", count: 0, group: { Volumes } })
          const without = yield* made(["p"])
          assert.strictEqual((yield* ask(nomad, "POST", "/v1/jobs", { Job }, without)).status, 403)
          assert.strictEqual((yield* ask(nomad, "POST", "/v1/job/web/plan", { Job }, without)).status, 200)
          assert.strictEqual(
            (yield* ask(nomad, "POST", "/v1/jobs", { Job }, yield* made(["p", "volume"]))).status,
            200
          )
        }),
      { acl }
    )
  )

  it.effect("who stops all registers stops those of a management token not", () =>
    withNomad(
      (nomad) =>
        Effect.gen(function* () {
          yield* policy(nomad, "p", capabilities("submit-job"))
          const { json } = yield* manage(nomad, "POST", "/v1/acl/token", { Type: "client", Policies: ["p"] })
          yield* manage(nomad, "PUT", "/v1/operator/scheduler/configuration", { RejectJobRegistration: true })
          const Job = { ...fixtureJob({ id: "web", count: 0 }), TaskGroups: [] }
          const refused = yield* ask(nomad, "POST", "/v1/jobs", { Job }, textOf(json["SecretID"]))
          const words = "Job registration, dispatch, and scale are disabled by the scheduler configuration"
          assert.deepStrictEqual([refused.status, refused.body], [403, words])
          const taken = yield* manage(nomad, "POST", "/v1/jobs", { Job: fixtureJob({ id: "web", count: 0 }) })
          assert.strictEqual(taken.status, 200)
        }),
      { acl }
    )
  )
})

const stream = (nomad: Nomad) =>
  Effect.gen(function* () {
    const query = new URLSearchParams("topic=Job")
    const answer = yield* nomad.handle({ method: "GET", path: "/v1/event/stream", query, body: "" })
    return [answer?.status, answer?.lines !== undefined]
  })

const plans = (nomad: Nomad) =>
  Effect.gen(function* () {
    const { token } = yield* workload(nomad)
    yield* policy(nomad, "p", capabilities("submit-job"), { Namespace: "default", JobID: "web" })
    const job = { Job: fixtureJob({ id: "web" }) }
    const answer = yield* ask(nomad, "POST", "/v1/job/web/plan", job, yield* token())
    return [answer.status, answer.status === 200 ? "" : answer.body]
  })

const inNamespace = (nomad: Nomad) =>
  Effect.gen(function* () {
    const { token } = yield* workload(nomad)
    yield* policy(nomad, "p", capabilities("read-job"), { Namespace: "default" })
    return (yield* ask(nomad, "GET", "/v1/job/web", undefined, yield* token())).status
  })

const fine = (nomad: Nomad) => policy(nomad, "p", capabilities("register-job"))

describe("ACLs of servers of a version", () => {
  const unknown =
    "policy 0 invalid: 1 error occurred:\n\t* failed to parse rules: Invalid namespace capability 'register-job': default\n\n"

  const cases: ReadonlyArray<
    readonly [what: string, version: string, see: (nomad: Nomad) => Effect.Effect<unknown>, expected: unknown]
  > = [
    ["a refused stream is a 403", "1.11.1", stream, [403, false]],
    ["a refused stream is a 200", "1.11.2", stream, [200, true]],
    [
      "a workload may not plan",
      "2.0.3",
      plans,
      [500, "acl token lookup failed: index error: UUID must be 36 characters"]
    ],
    ["a workload may plan", "2.0.4", plans, [200, ""]],
    ["a policy is for no whole namespace", "1.10.1", inNamespace, 403],
    ["a policy is for a whole namespace", "1.10.2", inNamespace, 200],
    ["there is no register-job", "1.11.1", fine, unknown],
    ["there is register-job", "1.11.2", fine, "taken"]
  ]
  it.effect.each(cases)("%s, %s", ([, version, see, expected]) =>
    withNomad((nomad) => Effect.map(see(nomad), (seen) => assert.deepStrictEqual(seen, expected)), {
      acl,
      version
    })
  )
})

describe("a stream", () => {
  it.effect("falls silent when its token expires, and goes on being open", () =>
    withNomad(
      (nomad) =>
        Effect.gen(function* () {
          yield* policy(nomad, "p", capabilities("read-job"))
          const body = { Type: "client", Policies: ["p"], ExpirationTTL: "40s" }
          const { json } = yield* manage(nomad, "POST", "/v1/acl/token", body)
          const query = new URLSearchParams("topic=Job")
          const token = textOf(json["SecretID"])
          const answer = yield* nomad.handle({
            method: "GET",
            path: "/v1/event/stream",
            query,
            body: "",
            token
          })
          const said: Array<string> = []
          const open = yield* Effect.forkChild(answer?.lines?.((text) => void said.push(text)) ?? Effect.void)
          yield* TestClock.adjust("31 seconds")
          assert.deepStrictEqual(said, ["{}\n", "{}\n"])
          yield* TestClock.adjust("1 minute")
          assert.lengthOf(said, 2)
          yield* Fiber.interrupt(open)
        }),
      { acl }
    )
  )
})
