import { json, refuse, type Reply } from "./Reply.ts"

/** How the simulator wants to be spoken to. */
export type AuthMode =
  | { readonly scheme: "none" }
  | { readonly scheme: "basic"; readonly user: string; readonly password: string }
  | {
      readonly scheme: "token"
      /** Left out, everybody gets a token. */
      readonly user?: string
      readonly password?: string
      /** Seconds, as `expires_in` says; null leaves that out, and the token lives an hour, as Quay's. */
      readonly expiresIn: number | null
      /** Harbor: a request with a header that is refused is offered Basic only. */
      readonly basicAfterBearer?: boolean
    }

const service = "registry-simulator"

/** Its token endpoint is `/_sim/token`, on the same host and port. */
export const makeSimAuth = (mode: AuthMode, nowMs: () => number) => {
  const tokens = new Map<string, { readonly scopes: ReadonlySet<string>; readonly endsAt: number }>()
  let issued = 0

  const challenge = (origin: string, scope: string, error: string | undefined, sent: boolean): Reply => {
    const bearer = `Bearer realm="${origin}/_sim/token",service="${service}",scope="${scope}"`
    const offer =
      mode.scheme === "basic" || (mode.scheme === "token" && mode.basicAfterBearer === true && sent)
        ? 'Basic realm="simulator"'
        : bearer + (error === undefined ? "" : `,error="${error}"`)
    return refuse(401, "UNAUTHORIZED", "authentication required", { "www-authenticate": offer })
  }

  return {
    /** Undefined if the request may go on, else the 401. `actions` as in a scope: `pull` or `pull,push`. */
    guard: (authorization: string | undefined, origin: string, image: string, actions: string) => {
      if (mode.scheme === "none") return undefined
      const scope = `repository:${image}:${actions}`
      const sent = authorization !== undefined
      if (mode.scheme === "basic") {
        return knows(authorization, mode.user, mode.password)
          ? undefined
          : challenge(origin, scope, undefined, sent)
      }
      const token = tokens.get(authorization?.replace(/^Bearer /, "") ?? "")
      if (token === undefined || token.endsAt <= nowMs()) {
        return challenge(origin, scope, sent ? "invalid_token" : undefined, sent)
      }
      const reaches = actions.split(",").every((action) => token.scopes.has(`repository:${image}:${action}`))
      return reaches ? undefined : challenge(origin, scope, "insufficient_scope", sent)
    },
    /** The token server (distribution, spec/auth/token.md). */
    issue: (authorization: string | undefined, url: URL): Reply => {
      if (mode.scheme !== "token") return refuse(404, "UNSUPPORTED", "no token server in this mode")
      const { user, password = "", expiresIn } = mode
      if (user !== undefined && !knows(authorization, user, password)) {
        return refuse(401, "UNAUTHORIZED", "incorrect user or password")
      }
      const scopes = url.searchParams.getAll("scope").flatMap((scope) => {
        const at = scope.lastIndexOf(":")
        return scope
          .slice(at + 1)
          .split(",")
          .map((action) => `${scope.slice(0, at)}:${action}`)
      })
      const now = nowMs()
      for (const [token, { endsAt }] of tokens) if (endsAt <= now) tokens.delete(token)
      const token = `simulated.token.${++issued}`
      tokens.set(token, { scopes: new Set(scopes), endsAt: now + (expiresIn ?? 3_600) * 1_000 })
      return json(200, {
        token,
        ...(expiresIn === null ? {} : { expires_in: expiresIn, issued_at: new Date(now).toISOString() })
      })
    },
    /** Every token that was given out is invalid from now on. */
    revoke: () => tokens.clear()
  }
}
export type SimAuth = ReturnType<typeof makeSimAuth>

const knows = (authorization: string | undefined, user: string, password: string): boolean =>
  authorization === `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`
