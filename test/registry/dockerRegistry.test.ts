import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { randomUUID } from "node:crypto"
import { getCACertificates, setDefaultCACertificates } from "node:tls"
import type { Digest } from "../../src/domain/Digest.ts"
import type { RegistryEndpoint } from "../../src/domain/RegistryEndpoint.ts"
import { openDispatchers } from "../../src/registry/dispatchers.ts"
import { endsIn, exchange } from "../../src/registry/Exchange.ts"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import { defaultLimits } from "../../src/registry/RegistryLimits.ts"
import { buildImage } from "../../src/sim/registry/image.ts"
import { certificates } from "../real/certificates.ts"
import { dockerRegistry, type DockerRegistryOptions, realPart } from "../real/dockerRegistry.ts"
import { pagingProxy } from "../real/pagingProxy.ts"
import { tokenServer } from "../real/tokenServer.ts"
import { push } from "../real/wire.ts"
import { api, clientOf, endpoint, tag } from "./against.ts"
import { forwardProxy } from "./forwardProxy.ts"

const login = { user: "robot", password: "p:w d" }
const credentials = { user: "robot", password: Redacted.make("p:w d") }

/** A docker-registry that has `team/api` and `team/other`, each with v1; and v1's digest. */
const stocked = Effect.gen(function* () {
  const plain = yield* dockerRegistry()
  const digest = yield* push(plain, "team/api", "v1", buildImage("v1"))
  yield* push(plain, "team/other", "v1", buildImage("v1"))
  return { ...plain, digest: digest as Digest }
})

/** Another registry over the same images. */
const serving = (options: DockerRegistryOptions) =>
  Effect.flatMap(stocked, ({ storage, digest }) =>
    Effect.map(dockerRegistry({ ...options, storage }), ({ origin }) => ({ origin, digest }))
  )

const readsAll = Effect.fnUntraced(function* (digest: Digest) {
  const client = yield* RegistryClient
  assert.deepStrictEqual(yield* client.tags(api), [tag("v1")])
  assert.strictEqual(yield* client.resolve(api, tag("v1")), digest)
  assert.strictEqual((yield* client.manifest(api, tag("v1"))).digest, digest)
})
const reason = Effect.map(
  Effect.flip(Effect.flatMap(RegistryClient, (client) => client.tags(api))),
  (error) => error.reason
)
const at = <A, E, R>(effect: Effect.Effect<A, E, R | RegistryClient>, of: RegistryEndpoint) =>
  Effect.provide(effect, clientOf(of))

describe.skipIf(realPart("docker-registry") === undefined)(
  "against a real docker-registry, our client",
  () => {
    it.effect("reads with htpasswd's Basic, and says when it is refused", () =>
      Effect.gen(function* () {
        const { origin, digest } = yield* serving({ htpasswd: login })
        yield* at(readsAll(digest), endpoint(origin, { credentials }))
        assert.strictEqual((yield* at(reason, endpoint(origin)))._tag, "AccessDenied")
        const wrong = { ...credentials, password: Redacted.make("no") }
        assert.strictEqual((yield* at(reason, endpoint(origin, { credentials: wrong })))._tag, "AccessDenied")
      })
    )

    it.effect("reads by bearer tokens, one for each repository", () =>
      Effect.gen(function* () {
        const { server: signer } = yield* certificates
        const tokens = yield* tokenServer(signer, login)
        const { origin, digest } = yield* serving({ token: { ...tokens, certFile: signer.certFile } })
        const of = endpoint(origin, { credentials, authRealms: [tokens.origin.host] })
        yield* Effect.gen(function* () {
          yield* readsAll(digest)
          yield* readsAll(digest)
          const client = yield* RegistryClient
          yield* client.tags({ registry: "local", image: "team/other" })
        }).pipe(Effect.provide(clientOf(of)))
        assert.deepStrictEqual(
          tokens.requests.map(({ url }) => [
            url.searchParams.get("kept"),
            url.searchParams.get("service"),
            url.searchParams.get("scope")
          ]),
          [
            ["1", 'the "service", one', "repository:team/api:pull"],
            ["1", 'the "service", one', "repository:team/other:pull"]
          ]
        )
      })
    )

    it.effect("renews a token that the registry calls expired, once", () =>
      Effect.gen(function* () {
        const { server: signer } = yield* certificates
        const tokens = yield* tokenServer(signer, login)
        const { origin, digest } = yield* serving({ token: { ...tokens, certFile: signer.certFile } })
        const of = endpoint(origin, { credentials, authRealms: [tokens.origin.host] })
        tokens.next.expired = true
        yield* Effect.gen(function* () {
          assert.strictEqual((yield* reason)._tag, "AccessDenied")
          assert.lengthOf(tokens.requests, 1)
          tokens.next.expired = false
          yield* readsAll(digest)
          assert.lengthOf(tokens.requests, 2)
        }).pipe(Effect.provide(clientOf(of)))
      })
    )

    it.effect("says that a token's rights do not reach, and reads once they do", () =>
      Effect.gen(function* () {
        const { server: signer } = yield* certificates
        const tokens = yield* tokenServer(signer, login)
        const { origin, digest } = yield* serving({ token: { ...tokens, certFile: signer.certFile } })
        const of = endpoint(origin, { credentials, authRealms: [tokens.origin.host] })
        tokens.next.without = ["team/api"]
        yield* Effect.gen(function* () {
          assert.strictEqual((yield* reason)._tag, "AccessDenied")
          assert.lengthOf(tokens.requests, 1)
          tokens.next.without = []
          yield* readsAll(digest)
        }).pipe(Effect.provide(clientOf(of)))
      })
    )

    it.effect("X16: verifies TLS, with the registry's own authority or not at all, as it is told", () =>
      Effect.gen(function* () {
        const { authority, server } = yield* certificates
        const { origin, digest } = yield* serving({ tls: server })
        const untrusted = yield* at(reason, endpoint(origin))
        assert.strictEqual(untrusted._tag, "Unavailable")
        assert.include("words" in untrusted ? untrusted.words : "", "UNABLE_TO_VERIFY_LEAF_SIGNATURE")
        yield* at(readsAll(digest), endpoint(origin, { ca: authority.cert }))
        yield* at(readsAll(digest), endpoint(origin, { insecure: true }))
      })
    )

    it.effect("X16: shows its client certificate where one is asked for", () =>
      Effect.gen(function* () {
        const { authority, server, client } = yield* certificates
        const { origin, digest } = yield* serving({ tls: { ...server, clientCaFile: authority.certFile } })
        const clientCertificate = { cert: client.cert, key: Redacted.make(client.key) }
        yield* at(readsAll(digest), endpoint(origin, { ca: authority.cert, clientCertificate }))
        assert.strictEqual((yield* at(reason, endpoint(origin, { ca: authority.cert })))._tag, "Unavailable")
      })
    )

    it.effect("goes through a proxy with its credentials: http as it is, https by CONNECT and verified", () =>
      Effect.gen(function* () {
        const { authority, server } = yield* certificates
        const { storage, origin, digest } = yield* stocked
        const tls = yield* dockerRegistry({ storage, tls: server })
        const forward = yield* forwardProxy
        const proxy = { origin: forward.origin, credentials }
        yield* at(readsAll(digest), endpoint(origin, { proxy }))
        yield* at(readsAll(digest), endpoint(tls.origin, { proxy, ca: authority.cert }))
        yield* at(readsAll(digest), endpoint(tls.origin, { proxy, insecure: true }))
        assert.strictEqual((yield* at(reason, endpoint(tls.origin, { proxy })))._tag, "Unavailable")
        assert.sameMembers(
          [...new Set(forward.heard.map(({ line }) => line))],
          [`GET ${origin.href}`, `HEAD ${origin.href}`, `CONNECT ${tls.origin.host}`]
        )
        const expected = `Basic ${Buffer.from("robot:p:w d").toString("base64")}`
        assert.isTrue(forward.heard.every(({ authorization }) => authorization === expected))
      })
    )

    it.effect("X16: trusts its authority besides those of the machine, not instead", () =>
      Effect.gen(function* () {
        const [{ authority, server }, others] = [yield* certificates, yield* certificates]
        const { origin, digest } = yield* serving({ tls: server })
        const machine = getCACertificates("default")
        yield* Effect.acquireRelease(
          Effect.sync(() => setDefaultCACertificates([...machine, authority.cert])),
          () => Effect.sync(() => setDefaultCACertificates(machine))
        )
        yield* at(readsAll(digest), endpoint(origin, { ca: others.authority.cert }))
      })
    )

    it.effect(
      "X16: gives a realm that the config does not name neither `insecure` nor its client certificate",
      () =>
        Effect.gen(function* () {
          const { authority, server, client } = yield* certificates
          const [open, mutual] = [
            yield* serving({ tls: server }),
            yield* serving({ tls: { ...server, clientCaFile: authority.certFile } })
          ]
          // Only behind a proxy is a realm at a private address reached at all (X5).
          const proxy = { origin: (yield* forwardProxy).origin, credentials: undefined }
          const clientCertificate = { cert: client.cert, key: Redacted.make(client.key) }
          const asked = Effect.fnUntraced(function* (url: URL, more: Partial<RegistryEndpoint>) {
            const of = endpoint("https://registry.example.test", { proxy, ...more })
            const dispatcherOf = yield* openDispatchers(of, defaultLimits)
            const request = { method: "GET", url, headers: {}, maxBytes: 100, endsAt: endsIn(5_000) } as const
            return yield* exchange(dispatcherOf(url), defaultLimits, request)
          })
          const untrusted = yield* Effect.flip(asked(open.origin, { insecure: true }))
          assert.include(untrusted.words, "UNABLE_TO_VERIFY_LEAF_SIGNATURE")
          const authRealms = [open.origin.host, mutual.origin.host]
          assert.strictEqual((yield* asked(open.origin, { insecure: true, authRealms })).status, 200)
          const ours = { ca: authority.cert, clientCertificate }
          assert.strictEqual((yield* Effect.flip(asked(mutual.origin, ours)))._tag, "Unavailable")
          assert.strictEqual((yield* asked(mutual.origin, { ...ours, authRealms })).status, 200)
        })
    )

    it.effect("reads all pages of a listing, and the last one is not left out", () =>
      Effect.gen(function* () {
        const { origin } = yield* dockerRegistry()
        const image = `paged/${randomUUID()}`
        const names = Array.from({ length: 7 }, (_, index) => `v${index}`)
        for (const name of names) yield* push({ origin }, image, name, buildImage("one"))
        const proxy = yield* pagingProxy(origin, 3)
        const list = Effect.flatMap(RegistryClient, (client) => client.tags({ registry: "local", image }))
        assert.sameMembers([...(yield* at(list, endpoint(proxy.origin)))], names)
        assert.deepStrictEqual(
          proxy.asked.map((path) => path.split("?")[1]),
          ["n=1000", "n=3&last=v2", "n=3&last=v5"]
        )
      })
    )
  }
)
