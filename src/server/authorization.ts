import { Effect, Exit, Layer, Redacted } from "effect"
import { HttpServerRequest } from "effect/http"
import { Forbidden, TooMany, Unauthorized } from "../api/ApiError.ts"
import { Authorization, Caller, roles, Unrestricted } from "../api/Authorization.ts"
import { isLoopback } from "../domain/isLoopback.ts"
import { Tokens, type Principal } from "../store/Tokens.ts"
import { peerOf } from "./gate.ts"
import type { Limits } from "./limits.ts"
import { orUnavailable } from "./orUnavailable.ts"
import { RateLimiter } from "./RateLimiter.ts"
import { accessOf } from "./routes.ts"
import type { ServerSettings } from "./ServerSettings.ts"

const anonymous: Principal = { name: "anonymous", role: "admin", repositories: null }

/**
 * Lets in by token; without one only where no token exists at all, and then on loopback, or where the config has
 * `allow_unauthenticated`. A token that is made on any instance closes the door within a second.
 */
export const authorization = (
  { listen, allowUnauthenticated }: Pick<ServerSettings, "listen" | "allowUnauthenticated">,
  limits: Limits
): Layer.Layer<Authorization, never, Tokens> =>
  Layer.effect(
    Authorization,
    Effect.gen(function* () {
      const tokens = yield* Tokens
      const limiter = new RateLimiter(limits.rate)
      const exist = yield* Effect.cachedWithTTL(tokens.exist, (exit) =>
        Exit.isSuccess(exit) ? "1 second" : 0
      )

      const anyone = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
        const isOpen = allowUnauthenticated || isLoopback(listen.host)
        if (!isOpen || (yield* orUnavailable(exist))) {
          return yield* new Unauthorized({ message: "this needs a token: Authorization: Bearer …" })
        }
        // A page of any name may resolve to 127.0.0.1 (DNS rebinding); it is told by the Host that its browser sends.
        if (!allowUnauthenticated && !isLoopback(hostOf(request))) {
          return yield* new Forbidden({
            message:
              "without a token only localhost is served, unless the config has allow_unauthenticated = true"
          })
        }
        return anonymous
      })

      const bearer = Effect.fnUntraced(function* (token: Redacted.Redacted) {
        const principal = yield* orUnavailable(tokens.principal(token))
        if (principal !== null) return principal
        return yield* new Unauthorized({ message: "this token is unknown, revoked or expired" })
      })

      return Authorization.of({
        bearer: Effect.fnUntraced(function* (answer, { credential, endpoint }) {
          const access = accessOf(endpoint)
          // Unreachable: `routesOf` refused such an endpoint at start.
          if (access === undefined || access === "anyone")
            return yield* Effect.die("an endpoint without role")
          const request = yield* HttpServerRequest.HttpServerRequest
          const principal = yield* Redacted.value(credential) === "" ? anyone(request) : bearer(credential)
          if (roles.indexOf(principal.role) < roles.indexOf(access)) {
            return yield* new Forbidden({ message: `this needs a token of role ${access}` })
          }
          if (principal.repositories !== null && endpoint.annotations.mapUnsafe.has(Unrestricted.key)) {
            return yield* new Forbidden({ message: "this needs a token for all repositories" })
          }
          const from = peerOf(request)
          if (principal !== anonymous && !(yield* limiter.allows(principal.name))) {
            return yield* new TooMany({ message: "too many requests with this token" })
          }
          return yield* Effect.provideService(answer, Caller, { ...principal, from })
        })
      })
    })
  )

/** Without the port; an IPv6 address in its brackets. */
const hostOf = ({ headers }: HttpServerRequest.HttpServerRequest): string =>
  (headers["host"] ?? "").replace(/:\d+$/, "")
