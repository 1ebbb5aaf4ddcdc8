import { assert, describe, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { execFile } from "node:child_process"
import { parseChallenges } from "../../../src/registry/Challenge.ts"
import { buildImage } from "../../../src/sim/registry/image.ts"
import { RegistrySimulator } from "../../../src/sim/RegistrySimulator.ts"
import { certificates } from "../../real/certificates.ts"
import { dockerRegistry, realPart } from "../../real/dockerRegistry.ts"
import { tokenServer } from "../../real/tokenServer.ts"
import { ask, push, type Wire } from "../../real/wire.ts"

const login = { user: "robot", password: "p:w d" }
const credentials = `${login.user}:${login.password}`
const basic = { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` }

class Subject extends Context.Service<Subject, Wire>()("test/Subject") {}
const simulator = (auth: Parameters<typeof RegistrySimulator.layer>[0]) =>
  Layer.effect(
    Subject,
    Effect.map(RegistrySimulator, ({ origin }) => ({ origin }))
  ).pipe(Layer.provide(RegistrySimulator.layer(auth)))
const withTokens = Effect.gen(function* () {
  const { server } = yield* certificates
  const tokens = yield* tokenServer(server, login)
  return yield* dockerRegistry({ token: { ...tokens, certFile: server.certFile } })
})

const byBasic: Array<readonly [string, Layer.Layer<Subject>]> = [
  ["RegistrySimulator", simulator({ auth: { scheme: "basic", ...login } })]
]
const byToken: typeof byBasic = [
  ["RegistrySimulator", simulator({ auth: { scheme: "token", ...login, expiresIn: 300 } })]
]
if (realPart("docker-registry") !== undefined) {
  byBasic.push(["docker-registry", Layer.effect(Subject, dockerRegistry({ htpasswd: login }))])
  byToken.push(["docker-registry", Layer.effect(Subject, withTokens)])
}
const skopeo = realPart("skopeo")

const listing = "/v2/team/api/tags/list"
const challengeOf = ({ headers }: { readonly headers: Headers }) => {
  const [challenge, ...more] = parseChallenges(headers.get("www-authenticate") ?? undefined)
  assert.lengthOf(more, 0)
  return challenge ?? { scheme: "", params: {} }
}
const codeOf = (body: Buffer) =>
  (JSON.parse(body.toString()) as { errors: ReadonlyArray<{ code: string }> }).errors[0]?.code

describe.each(byBasic)("the contract of %s with Basic", (_, subject) => {
  layer(subject)((it) => {
    it.effect.each([
      ["18: without a login", undefined],
      ["19: with a wrong one", { authorization: `Basic ${Buffer.from("robot:no").toString("base64")}` }],
      ["20: with a bearer token", { authorization: "Bearer abc" }]
    ] as const)("%s it answers 401, a Basic challenge and UNAUTHORIZED", ([, headers]) =>
      Effect.gen(function* () {
        for (const path of ["/v2/", listing]) {
          const answer = yield* ask(yield* Subject, "GET", path, headers)
          assert.deepStrictEqual([answer.status, codeOf(answer.body)], [401, "UNAUTHORIZED"])
          assert.strictEqual(challengeOf(answer).scheme, "basic")
        }
      })
    )

    it.effect("21: with the right one it takes a push and lists it", () =>
      Effect.gen(function* () {
        const wire = { ...(yield* Subject), headers: basic }
        yield* push(wire, "team/api", "v1", buildImage("v1"))
        assert.strictEqual((yield* ask(wire, "GET", "/v2/")).status, 200)
        assert.strictEqual((yield* ask(wire, "GET", listing)).status, 200)
      })
    )
  })
})

describe.each(byToken)("the contract of %s with bearer tokens", (_, subject) => {
  layer(subject)((it) => {
    /** A token for the scopes, from the realm of the registry's own challenge. */
    const tokenFor = Effect.fnUntraced(function* (wire: Wire, scopes: ReadonlyArray<string>) {
      const { params } = challengeOf(yield* ask(wire, "GET", "/v2/"))
      const realm = new URL(params["realm"] ?? "")
      realm.searchParams.append("service", params["service"] ?? "")
      for (const scope of scopes) realm.searchParams.append("scope", scope)
      const answer = yield* ask({ origin: realm }, "GET", realm.pathname + realm.search, basic)
      const { token } = JSON.parse(answer.body.toString()) as { token: string }
      return { authorization: `Bearer ${token}` }
    })

    it.effect("22: names the right that is missing, pull for a read and push besides for a write", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const read = challengeOf(yield* ask(wire, "GET", listing))
        assert.deepInclude(read.params, { scope: "repository:team/api:pull" })
        assert.notProperty(read.params, "error")
        const write = challengeOf(yield* ask(wire, "POST", "/v2/team/api/blobs/uploads/"))
        // In either order: docker-registry's is that of a Go map.
        assert.match(write.params["scope"] ?? "", /^repository:team\/api:(pull,push|push,pull)$/)
        const any = challengeOf(yield* ask(wire, "GET", "/v2/"))
        assert.notProperty(any.params, "scope")
      })
    )

    it.effect("23: calls a token that is none invalid, with 401", () =>
      Effect.gen(function* () {
        const answer = yield* ask(yield* Subject, "GET", listing, { authorization: "Bearer abc" })
        assert.strictEqual(answer.status, 401)
        assert.deepInclude(challengeOf(answer).params, { error: "invalid_token" })
      })
    )

    it.effect("24: calls another repository's token insufficient, with 401; it is enough for /v2/", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const other = yield* tokenFor(wire, ["repository:team/other:pull"])
        const answer = yield* ask(wire, "GET", listing, other)
        assert.strictEqual(answer.status, 401)
        assert.deepInclude(challengeOf(answer).params, {
          error: "insufficient_scope",
          scope: "repository:team/api:pull"
        })
        assert.strictEqual((yield* ask(wire, "GET", "/v2/", other)).status, 200)
      })
    )

    it.effect("25: takes pushes and lists with a token for both; pull alone does not push", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const both = yield* tokenFor(wire, ["repository:team/api:pull,push"])
        yield* push({ ...wire, headers: both }, "team/api", "v1", buildImage("v1"))
        assert.strictEqual((yield* ask(wire, "GET", listing, both)).status, 200)
        const pull = yield* tokenFor(wire, ["repository:team/api:pull"])
        const refused = yield* ask(wire, "POST", "/v2/team/api/blobs/uploads/", pull)
        assert.strictEqual(refused.status, 401)
      })
    )

    it.effect("26: one token serves every repository that it was asked for", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const scopes = ["repository:team/a:pull", "repository:team/b:pull"]
        const token = yield* tokenFor(wire, scopes)
        for (const name of ["a", "b"]) {
          assert.strictEqual((yield* ask(wire, "GET", `/v2/team/${name}/tags/list`, token)).status, 404)
        }
      })
    )

    it.effect.skipIf(skopeo === undefined)("27: lets skopeo log in and copy", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const token = yield* tokenFor(wire, ["repository:team/from:pull,push"])
        yield* push({ ...wire, headers: token }, "team/from", "v1", buildImage("v1"))
        const name = (image: string) => `docker://${wire.origin.host}/${image}:v1`
        const plain = ["--src-tls-verify=false", "--dest-tls-verify=false"]
        const logins = ["--src-creds", credentials, "--dest-creds", credentials]
        yield* Effect.callback<void>((resume) => {
          execFile(
            "skopeo",
            ["copy", "-q", ...plain, ...logins, name("team/from"), name("team/to")],
            (error, __, words) => resume(error === null ? Effect.void : Effect.die(new Error(words)))
          )
        })
        const pull = yield* tokenFor(wire, ["repository:team/to:pull"])
        assert.strictEqual((yield* ask(wire, "GET", "/v2/team/to/tags/list", pull)).status, 200)
      })
    )
  })
})
