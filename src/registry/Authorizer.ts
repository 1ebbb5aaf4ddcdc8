import { Cache, Clock, Duration, Effect, Exit, Redacted, Result } from "effect"
import type { RegistryEndpoint } from "../domain/RegistryEndpoint.ts"
import { type Challenge, parseChallenges } from "./Challenge.ts"
import { basic } from "./dispatchers.ts"
import { type Answer, endsIn } from "./Exchange.ts"
import { acceptRealm } from "./realm.ts"
import { refusal } from "./refusal.ts"
import { AccessDenied, Malformed, Unavailable } from "./RegistryError.ts"
import type { RegistryLimits } from "./RegistryLimits.ts"
import type { Send } from "./sender.ts"
import { type BearerToken, parseTokenResponse } from "./tokenResponse.ts"

/** What a request is for: some registries (ACR) ask another right for listing than for pulling. */
export type Purpose = "tags" | "manifests"

/** An `Authorization` header, and the token's key where it is a bearer's. */
export interface Authorization {
  readonly header: Redacted.Redacted
  readonly grant: string | undefined
}

/** How a registry wants to be spoken to, as its challenges taught. */
type Learnt =
  | { readonly scheme: "basic" }
  | { readonly scheme: "bearer"; readonly realm: string; readonly service: string | undefined }

/** Renewed this long before the end, for the way there and for clocks that differ. */
const marginMs = 10_000
/** Tokens kept a registry: one a repository and purpose. */
const capacity = 20_000

/**
 * The `Authorization` of one registry's requests. Nothing is sent before a challenge asked for it; what it
 * taught is remembered, so that a steady poll is one request. Tokens are cached by realm, service and scope
 * (origin and credentials are the registry's own, X19) and fetched once for all who wait for one (L7).
 */
export const makeAuthorizer = Effect.fnUntraced(function* (
  endpoint: RegistryEndpoint,
  limits: RegistryLimits,
  send: Send
) {
  const { credentials } = endpoint
  const own = credentials === undefined ? undefined : Redacted.make(basic(credentials))
  let learnt: Learnt | undefined
  const scopes = new Map<Purpose, (image: string) => string>()

  const fetchToken = Effect.fnUntraced(function* (grant: string) {
    const { url, headers } = tokenRequest(grant, credentials?.user, own)
    const endsAt = endsIn(limits.totalMs)
    const answer = yield* send({ method: "GET", url, headers, maxBytes: limits.tokenBytes, endsAt })
    const now = yield* Clock.currentTimeMillis
    if (answer.status !== 200) return yield* ofTokenServer(url, refusal(answer, now))
    const parsed = parseTokenResponse(answer.body.toString("utf8"), now)
    if (Result.isFailure(parsed)) return yield* new Malformed({ words: `${url.host}: ${parsed.failure}` })
    return parsed.success
  })
  const tokens = yield* Cache.makeWith<string, BearerToken, AccessDenied | Malformed | Unavailable>(
    fetchToken,
    {
      capacity,
      timeToLive: (exit) => {
        if (Exit.isFailure(exit)) return Duration.zero
        const { lifetimeMs } = exit.value
        return lifetimeMs === null ? Duration.infinity : Duration.millis(Math.max(0, lifetimeMs - marginMs))
      }
    }
  )
  const bearer = (grant: string) =>
    Effect.map(Cache.get(tokens, grant), ({ token }): Authorization => ({
      header: Redacted.make(`Bearer ${Redacted.value(token)}`),
      grant
    }))
  /** Only the token that was refused: another request may have renewed it meanwhile. */
  const forget = ({ header, grant }: Authorization) =>
    grant === undefined
      ? Effect.void
      : Cache.invalidateWhen(
          tokens,
          grant,
          ({ token }) => `Bearer ${Redacted.value(token)}` === Redacted.value(header)
        )

  const byBearer = Effect.fnUntraced(function* (
    { params }: Challenge,
    sent: Authorization | undefined,
    request: { readonly url: URL; readonly image: string; readonly purpose: Purpose }
  ) {
    const realm = acceptRealm(endpoint, request.url, params["realm"] ?? "")
    if (Result.isFailure(realm)) return yield* denied(realm.failure)
    const scope = normalised(params["scope"] ?? `repository:${request.image}:pull`)
    learnt = { scheme: "bearer", realm: realm.success.href, service: params["service"] }
    const template = scopeTemplate(scope, request.image)
    if (template !== undefined) scopes.set(request.purpose, template)
    const grant = grantKey(learnt, scope)
    // The token is good and its rights do not reach: a new one of the same scope would be the same.
    if (sent?.grant === grant && params["error"] === "insufficient_scope") {
      return yield* denied("the token's rights do not reach")
    }
    return yield* bearer(grant)
  })

  return {
    /** For the first try: undefined while nothing was asked for. */
    before: (image: string, purpose: Purpose) => {
      const scope = scopes.get(purpose)
      if (learnt?.scheme === "basic") return Effect.succeed(own && { header: own, grant: undefined })
      if (learnt === undefined || scope === undefined) return Effect.undefined
      return bearer(grantKey(learnt, scope(image)))
    },
    /** After a 401, for the one further try; `AccessDenied` where there is nothing better to send. */
    after: Effect.fnUntraced(function* (
      answer: Answer,
      sent: Authorization | undefined,
      request: { readonly url: URL; readonly image: string; readonly purpose: Purpose }
    ) {
      if (sent !== undefined) yield* forget(sent)
      const challenges = parseChallenges(answer.headers["www-authenticate"])
      const offered = challenges.find(
        ({ scheme, params }) => scheme === "bearer" && params["realm"] !== undefined
      )
      if (offered !== undefined) return yield* byBearer(offered, sent, request)
      if (!challenges.some(({ scheme }) => scheme === "basic")) {
        return yield* denied("no scheme is offered that we speak")
      }
      // Harbor answers an expired bearer with nothing but Basic: the way learnt before still holds.
      if (sent?.grant !== undefined) return yield* bearer(sent.grant)
      if (own === undefined) return yield* denied("credentials are asked for, and none are configured")
      if (sent !== undefined) return yield* denied("the credentials were refused")
      learnt = { scheme: "basic" }
      return { header: own, grant: undefined }
    }),
    /** After a second 401, so that rights given later count from the next poll on. */
    forget
  }
})

const denied = (words: string) => new AccessDenied({ status: 401, words })

const grantKey = ({ realm, service }: Extract<Learnt, { scheme: "bearer" }>, scope: string): string =>
  JSON.stringify([realm, service ?? "", scope])

/** Registries give scopes and actions in the order of a hash: sorted, one right is one token. */
const normalised = (scope: string): string =>
  scope
    .split(" ")
    .map((each) => {
      const at = each.lastIndexOf(":") + 1
      return each.slice(0, at) + each.slice(at).split(",").toSorted().join(",")
    })
    .toSorted()
    .join(" ")

/** The scope of another repository by that of `image`; undefined where it can not be told. */
const scopeTemplate = (scope: string, image: string): ((image: string) => string) | undefined => {
  const [, actions] = scope.split(`repository:${image}:`)
  if (scope === `repository:${image}:${actions}`) return (other) => `repository:${other}:${actions}`
  return scope.includes("repository:") ? undefined : () => scope
}

/** The token request (distribution, spec/auth/token.md); each scope its own parameter, the realm's query kept. */
const tokenRequest = (grant: string, user: string | undefined, own: Redacted.Redacted | undefined) => {
  const [realm, service, scope] = JSON.parse(grant) as [string, string, string]
  const url = new URL(realm)
  if (service !== "") url.searchParams.append("service", service)
  for (const each of scope.split(" ")) if (each !== "") url.searchParams.append("scope", each)
  url.searchParams.append("client_id", "registrywatcher")
  if (user !== undefined) url.searchParams.append("account", user)
  const authorization = own === undefined ? {} : { authorization: Redacted.value(own) }
  return { url, headers: { accept: "application/json", ...authorization } }
}

const ofTokenServer = (url: URL, reason: AccessDenied | Malformed | Unavailable) => {
  const words = `the token server ${url.host}: ${reason.words}`
  switch (reason._tag) {
    case "AccessDenied":
      return new AccessDenied({ status: reason.status, words })
    case "Malformed":
      return new Malformed({ words })
    case "Unavailable":
      return new Unavailable({ words, retryAfter: reason.retryAfter, cause: reason.cause })
  }
}
