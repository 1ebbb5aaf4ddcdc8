import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Api } from "../../src/api/Api.ts"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { routesOf } from "../../src/server/routes.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { type Role, Tokens } from "../../src/store/Tokens.ts"
import { noPostgres } from "../real/postgres.ts"
import { acceptedAttempt, newFence, target } from "../store/rows.ts"
import { request } from "./rig.ts"
import { call, ended, served } from "./v1.ts"
import { everyRow, runs } from "./world.ts"

const roles = ["read", "operate", "admin"] as const
// The event stream never ends: `events.test.ts`.
const routes = routesOf(Api).filter(({ path }) => path.startsWith("/v1") && path !== "/v1/events")

/** Of `/v1` what a role is let in for: anything but "you may not". 404 and 409 come after that question. */
const lines = (repository: string) =>
  routes.map(({ method, path, access }) => ({
    line: `${method} ${path.replace(":repository", repository).replace(":attempt", "none")}`,
    access
  }))

const token = Effect.fnUntraced(function* (role: Role, repositories: ReadonlyArray<string> | null = null) {
  const tokens = yield* Tokens
  const made = yield* tokens.create({ name: `${role} of ${String(repositories)}`, role, repositories }, null)
  if (made === null) return yield* Effect.die("there is one of this name")
  return { authorization: `Bearer ${Redacted.value(made)}`, "if-match": "*" }
})

describe.skipIf(noPostgres)("who may call /v1", () => {
  it.live("X8: nobody without a token, each role what the definition says, and no more", () =>
    served((origin) =>
      Effect.gen(function* () {
        const headers = new Map<Role, Record<string, string>>()
        for (const role of roles) headers.set(role, yield* token(role))
        assert.isAbove(routes.length, 15)
        for (const { line, access } of lines("api")) {
          const [method = ""] = line.split(" ")
          const body = method === "GET" || method === "DELETE" ? undefined : { nothing: true }
          const nobody = yield* call(origin, line, body, { "if-match": "*" })
          assert.strictEqual(nobody.status, 401, line)
          for (const role of roles) {
            const { status } = yield* call(origin, line, body, headers.get(role))
            const isLetIn = access === "anyone" || roles.indexOf(role) >= roles.indexOf(access)
            assert.strictEqual(status === 403, !isLetIn, `${role}: ${line} answers ${status}`)
            assert.notStrictEqual(status, 500, line)
          }
        }
      })
    )
  )

  it.live("X22: what is another's looks in every call like what nobody watches, and is not touched", () =>
    served((origin) =>
      Effect.gen(function* () {
        const registry = yield* RegistrySimulator
        const digest = yield* registry.push("apps/api", "v1.0.0")
        yield* runs("v1.0.0")
        const theirs = yield* ended(yield* newFence, { ...target("v1.0.0"), digest })
        const headers = yield* token("operate", ["team/api"])
        const before = yield* everyRow
        const ask = (line: string, body: unknown) =>
          Effect.map(call(origin, line, body, headers), ({ status, text }) => [status, text])
        const bodies: Record<string, unknown> = {
          "PATCH api": { auto_deploy: false },
          "POST api/hold": { why: "the fair" },
          "POST api/redeploy": {},
          "POST api/rollback": {}
        }
        for (const { path, method } of routes) {
          if (!path.includes(":repository")) continue
          const rest = path.replace("/v1/repositories/:repository", "").replace(":attempt", theirs)
          const body = bodies[`${method} api${rest}`]
          const answer = yield* ask(`${method} api${rest}`, body)
          assert.deepStrictEqual(answer, yield* ask(`${method} nobody${rest}`, body), rest)
          assert.deepStrictEqual(answer, [404, '{"message":"no such repository is watched"}'], rest)
        }
        assert.deepStrictEqual(
          yield* ask(`GET /v1/attempts/${theirs}`, undefined),
          yield* ask("GET /v1/attempts/00000000-0000-4000-8000-000000000000", undefined)
        )
        assert.strictEqual(yield* everyRow, before)
      })
    )
  )

  it.live("X8: a token for some repositories sees theirs, orders theirs, and nothing of all at once", () =>
    served((origin) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        yield* acceptedAttempt(yield* newFence, {
          repository: RepositoryName.make("team/api"),
          job: { region: "", namespace: "default", job: "team-api" }
        })
        yield* store.pullBrake(yield* newFence, [
          { repository: RepositoryName.make("api"), ...target("v1.1.0") },
          { repository: RepositoryName.make("team/api"), ...target("v2.0.0") }
        ])
        const headers = yield* token("admin", ["team/api"])
        const ask = (line: string, body?: unknown) => call(origin, line, body, headers)
        const all = yield* ask("GET /v1/repositories")
        const names = (all.body as { repositories: ReadonlyArray<{ name: string }> }).repositories
        assert.deepStrictEqual(
          names.map(({ name }) => name),
          ["team/api"]
        )
        assert.strictEqual((yield* ask("GET team%2Fapi")).status, 200)
        const [attempt] = yield* store.attempts(RepositoryName.make("team/api"), 1)
        assert.strictEqual((yield* ask(`GET /v1/attempts/${attempt?.id}`)).status, 200)
        assert.strictEqual((yield* ask("POST team%2Fapi/hold", { why: "the fair" })).status, 200)
        const brake = yield* ask("GET /v1/brake")
        assert.deepNestedInclude(brake.body, {
          "brake.stopped.length": 1,
          "brake.stopped[0].repository": "team/api"
        })
        const refused = ["POST /v1/adopt", "POST /v1/brake/release", "GET /v1/audit"]
        for (const line of refused) {
          const { status } = yield* ask(line, line.startsWith("GET") ? undefined : { id: 1 })
          assert.strictEqual(status, 403, line)
        }
        const audit = yield* ask("GET /v1/audit?repository=team%2Fapi")
        assert.match(audit.text, /"action":"hold","repository":"team\/api"/)
        assert.strictEqual((yield* ask("GET /v1/audit?repository=api")).status, 404)
      })
    )
  )

  it.live("/openapi.json has every call, its summary, If-Match of the writes and the ETag", () =>
    served((origin) =>
      Effect.gen(function* () {
        const { body } = yield* request(`${origin}/openapi.json`)
        const { paths } = body as { paths: Record<string, Record<string, Operation>> }
        for (const { method, path } of routes) {
          const operation = paths[path.replaceAll(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()]
          assert.isString(operation?.summary, `${method} ${path}`)
          const isWrite = method !== "GET" && path.includes(":repository") && !path.endsWith("/check")
          const named = (operation?.parameters ?? []).find(({ name }) => name === "if-match")
          assert.strictEqual(named !== undefined, isWrite, `${method} ${path}`)
          if (!isWrite) continue
          assert.include(named?.schema.description, "412")
          assert.hasAnyKeys(operation?.responses["200"]?.headers ?? {}, ["etag"])
          assert.isDefined(operation?.responses["412"], path)
        }
      })
    )
  )
})

interface Operation {
  readonly summary?: string
  readonly parameters?: ReadonlyArray<{
    readonly name: string
    readonly schema: { readonly description: string }
  }>
  readonly responses: Record<string, { readonly headers?: Record<string, unknown> }>
}
