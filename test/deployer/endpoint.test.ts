import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Deployer } from "../../src/deployer/Deployer.ts"
import type { NomadEndpoint } from "../../src/domain/NomadEndpoint.ts"
import { mapping } from "./jobs.ts"
import { type Listening, nomadScript } from "./NomadScript.ts"

/** An authority of these tests alone, its server `server.global.nomad` and a client; they last 100 years. */
const pem = (name: string) => readFileSync(new URL(`../fixtures/nomad/tls/${name}`, import.meta.url), "utf8")
const server = { key: pem("server.key"), cert: pem("server.pem") }
const mutual = { ...server, ca: pem("ca.pem"), requestCert: true, rejectUnauthorized: true }
const clientCertificate = { cert: pem("client.pem"), key: Redacted.make(pem("client.key")) }
const trusted: Partial<NomadEndpoint> = { ca: pem("ca.pem"), tlsServerName: "server.global.nomad" }

/** How a read of an absent job ends: `job_absent` where the server was reached. */
const reading = (rest: Partial<NomadEndpoint>, listening: Listening) =>
  Effect.gen(function* () {
    const { endpoint } = yield* nomadScript(() => ({ status: 404, text: "job not found" }), rest, listening)
    const { observed } = yield* Deployer.use((deployer) => deployer.observe(mapping())).pipe(
      Effect.provide(Deployer.layer(endpoint))
    )
    return observed._tag === "Runs" ? "Runs" : `${observed.reason}: ${observed.words}`
  })

const folderOf = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "nomad "))),
  (made) => Effect.sync(() => rmSync(made, { recursive: true }))
)

const reached = /^job_absent/
describe("the endpoint, as Nomad's own clients take it", () => {
  it.effect.each<[string, Partial<NomadEndpoint>, Listening, RegExp]>([
    [
      "X16: an authority that nobody named is refused",
      { ...trusted, ca: undefined },
      { tls: server },
      /unable to/
    ],
    ["NOMAD_CACERT and NOMAD_TLS_SERVER_NAME", trusted, { tls: server }, reached],
    [
      "X16: the name is checked",
      { ...trusted, tlsServerName: "client.global.nomad" },
      { tls: server },
      /does not match certificate's altnames/
    ],
    ["X16: without a name, the address is", { ca: pem("ca.pem") }, { tls: server }, /does not match/],
    ["NOMAD_SKIP_VERIFY", { skipVerify: true }, { tls: server }, reached],
    ["NOMAD_CLIENT_CERT and NOMAD_CLIENT_KEY", { ...trusted, clientCertificate }, { tls: mutual }, reached],
    ["a server that wants a certificate, and none", trusted, { tls: mutual }, /^nomad_unreachable/]
  ])("%s", ([, rest, listening, expected]) =>
    Effect.map(reading(rest, listening), (said) => assert.match(said, expected))
  )

  it.live("a token in a file: each call has what stands there; without it nothing is sent", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf
      const tokenFile = join(folder, "nomad_api.jwt")
      writeFileSync(tokenFile, "first\n")
      const { endpoint, asked } = yield* nomadScript(() => ({ status: 404, text: "job not found" }), {
        token: Redacted.make("of the environment"),
        tokenFile
      })
      const look = Deployer.use((deployer) => deployer.observe(mapping()))
      const said = Effect.map(look, ({ observed }) => ("words" in observed ? observed.words : ""))
      yield* Effect.gen(function* () {
        yield* look
        writeFileSync(tokenFile, "renewed")
        yield* look
        // As Nomad leaves it for a moment while it writes another.
        writeFileSync(tokenFile, "")
        assert.match(yield* said, /the file of Nomad's token holds no token/)
        writeFileSync(tokenFile, "of two\nlines")
        assert.match(yield* said, /the file of Nomad's token holds no token/)
        rmSync(tokenFile)
        assert.match(yield* said, /the file of Nomad's token can not be read: ENOENT/)
      }).pipe(Effect.provide(Deployer.layer(endpoint)))
      assert.deepStrictEqual(
        asked.map(({ headers }) => headers["x-nomad-token"]),
        ["first", "renewed"]
      )
    })
  )

  it.effect("a unix socket", () =>
    Effect.gen(function* () {
      const folder = yield* folderOf
      const said = yield* reading({}, { socket: join(folder, "api.sock") })
      assert.match(said, reached)
    })
  )
})
