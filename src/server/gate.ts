import { ByteSize, Cause, Clock, Effect, Metric, Option, type Types } from "effect"
import { Headers, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { canonicalUrl } from "./canonicalUrl.ts"
import type { Limits } from "./limits.ts"
import { RateLimiter } from "./RateLimiter.ts"
import { refuse, refuseCause } from "./refuse.ts"
import { allowedMethods, pathMatcher, type Route } from "./routes.ts"

/** On every answer (X12); a page sets a `content-security-policy` of its own. */
const securityHeaders = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store"
}

const requests = Metric.counter("registrywatcher_http_requests_total", {
  description: "Requests answered, by route and status",
  incremental: true
})

/**
 * What every request passes before it is routed: the caps that need no body, the origin check, the routes that
 * there are (404, 405), and afterwards the headers, the log line and the `{"message"}` of what went wrong.
 */
export const gate = (routes: ReadonlyArray<Route>, limits: Limits) => {
  const match = pathMatcher(routes)
  const limiter = new RateLimiter(limits.rate)

  const admit = Effect.fnUntraced(function* <R>(
    routed: Effect.Effect<HttpServerResponse.HttpServerResponse, Types.unhandled, R>,
    request: HttpServerRequest.HttpServerRequest,
    url: string,
    found: ReadonlyArray<Route>
  ) {
    const { method, headers } = request
    if (Number(headers["content-length"] ?? 0) > ByteSize.toNumberUnsafe(limits.body)) {
      return refuse(413, `the body is larger than ${limits.body} bytes`)
    }
    if (!(yield* limiter.allows(peerOf(request)))) {
      return refuse(429, "too many requests from this address")
    }
    if (found.length === 0) return refuse(404, "there is nothing at this path")
    const allowed = allowedMethods(found)
    if (!allowed.includes(method)) {
      return HttpServerResponse.setHeader(
        refuse(405, `${method} is not allowed here, only ${allowed.join(", ")}`),
        "allow",
        allowed.join(", ")
      )
    }
    if (isUnsafe(method) && isForeignOrigin(headers)) {
      return refuse(403, "this request comes from a page of another origin")
    }
    // Whatever the Content-Type says, a body is JSON: plain `curl -d` works.
    const json = Headers.set(headers, "content-type", "application/json")
    return yield* Effect.provideService(
      routed,
      HttpServerRequest.HttpServerRequest,
      request.modify({ url, headers: json })
    )
  })

  return HttpRouter.middleware(
    (routed) =>
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const startedAt = yield* Clock.monotonicTimeNanos
        const url = canonicalUrl(request.method, request.url)
        const path = url.replace(/\?.*/, "")
        const found = match(path)
        const answer = yield* admit(routed, request, url, found).pipe(
          Effect.catchCause((cause): Effect.Effect<HttpServerResponse.HttpServerResponse, Types.unhandled> =>
            Cause.hasInterruptsOnly(cause) ? Effect.failCause(cause) : refuseCause(cause)
          )
        )
        const { method } = request
        const { status } = answer
        const attributes = { method, route: found[0]?.path ?? "none", status: String(status) }
        yield* Metric.update(Metric.withAttributes(requests, attributes), 1)
        const milliseconds = Number((yield* Clock.monotonicTimeNanos) - startedAt) / 1e6
        // Never the query: somebody will put a token there.
        yield* Effect.logDebug("request").pipe(
          Effect.annotateLogs({ method, path, status, milliseconds, from: peerOf(request) })
        )
        const headers = { ...securityHeaders, ...headersOf(status), ...answer.headers }
        return HttpServerResponse.setHeaders(answer, headers)
      }),
    { global: true }
  )
}

export const peerOf = (request: HttpServerRequest.HttpServerRequest): string =>
  Option.getOrElse(request.remoteAddress, () => "unknown")

/** What goes with a status, whoever answers it. */
const headersOf = (status: number): Record<string, string> => {
  if (status === 401) return { "www-authenticate": "Bearer" }
  if (status === 429 || status === 503) return { "retry-after": "1" }
  // The rest of a body that was not read is not waited for.
  return status === 408 || status === 413 ? { connection: "close" } : {}
}

const isUnsafe = (method: string): boolean => method !== "GET" && method !== "HEAD"

/** Browsers name the page that asks; what is no browser names none. */
const isForeignOrigin = (headers: Headers.Headers): boolean => {
  const { origin } = headers
  if (origin === undefined) return headers["sec-fetch-site"] === "cross-site"
  return !URL.canParse(origin) || new URL(origin).host !== headers["host"]
}
