import { Effect, type Scope } from "effect"
import { createSign, randomUUID, X509Certificate } from "node:crypto"
import { createServer } from "node:http"
import type { Pair } from "./certificates.ts"

export interface TokenServer {
  readonly origin: URL
  readonly realm: URL
  readonly service: string
  readonly issuer: string
  /** What was asked, in order. */
  readonly requests: Array<{ readonly url: URL; readonly authorization: string | undefined }>
  /** Changes what the next tokens are; all of them good unless said. */
  readonly next: { expired: boolean; without: ReadonlyArray<string>; expiresIn: number | undefined }
}

/** A token server for docker-registry's `auth: token`, that trusts `signer`'s certificate. */
export const tokenServer = (
  signer: Pair,
  login?: { readonly user: string; readonly password: string }
): Effect.Effect<TokenServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const service = 'the "service", one'
    const issuer = "tests"
    const requests: TokenServer["requests"] = []
    const next: TokenServer["next"] = { expired: false, without: [], expiresIn: 300 }
    const expected = login && `Basic ${Buffer.from(`${login.user}:${login.password}`).toString("base64")}`
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? "/", "http://127.0.0.1")
      const { authorization } = request.headers
      requests.push({ url, authorization })
      if (authorization !== expected) {
        response.writeHead(401).end()
        return
      }
      const access = url.searchParams
        .getAll("scope")
        .map((scope) => /^repository:(.+):([a-z,]+)$/.exec(scope))
        .filter((match) => match !== null)
        .filter(([, name = ""]) => !next.without.includes(name))
        .map(([, name, actions = ""]) => ({ type: "repository", name, actions: actions.split(",") }))
      const now = Math.floor(Date.now() / 1_000) - (next.expired ? 600 : 0)
      const claims = {
        iss: issuer,
        aud: service,
        sub: "",
        iat: now,
        nbf: now - 10,
        exp: now + 300,
        jti: randomUUID(),
        access
      }
      const body = { token: signed(signer, claims), ...(next.expiresIn && { expires_in: next.expiresIn }) }
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body))
    })
    const port = yield* listening(server)
    const origin = new URL(`http://127.0.0.1:${port}`)
    return { origin, realm: new URL("/token?kept=1", origin), service, issuer, requests, next }
  })

/** The port of a server that closes with the scope. */
export const listening = (
  server: ReturnType<typeof createServer>
): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

const signed = ({ cert, key }: Pair, claims: unknown): string => {
  const x5c = [new X509Certificate(cert).raw.toString("base64")]
  const text = `${part({ typ: "JWT", alg: "ES256", x5c })}.${part(claims)}`
  const signature = createSign("sha256").update(text).sign({ key, dsaEncoding: "ieee-p1363" }, "base64url")
  return `${text}.${signature}`
}

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
