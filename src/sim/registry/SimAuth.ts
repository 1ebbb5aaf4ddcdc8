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

/** What a request needs of a token: in distribution's words `pull`, and `push` besides for a write. */
export interface Right {
  readonly image: string
  readonly actions: ReadonlyArray<string>
}

const service = "registry-simulator"

/** Its token endpoint is `/_sim/token`, on the same host and port. */
export const makeSimAuth = (mode: AuthMode, nowMs: () => number) => {
  const tokens = new Map<string, { readonly scopes: ReadonlySet<string>; readonly endsAt: number }>()
  let issued = 0

  const challenge = (origin: string, scopes: ReadonlyArray<string>, sent: boolean, error?: string): Reply => {
    const basicOnly =
      mode.scheme === "basic" || (mode.scheme === "token" && mode.basicAfterBearer === true && sent)
    const params = [
      `realm="${origin}/_sim/token"`,
      `service="${service}"`,
      ...scopes.map((scope) => `scope="${scope}"`),
      ...(error === undefined ? [] : [`error="${error}"`])
    ]
    const offer = basicOnly ? 'Basic realm="simulator"' : `Bearer ${params.join(",")}`
    return refuse(401, "UNAUTHORIZED", "authentication required", { "www-authenticate": offer })
  }

  return {
    /** Undefined if the request may go on, else the 401. No right but a good login is needed for `/v2/`. */
    guard: (authorization: string | undefined, origin: string, right: Right | undefined) => {
      if (mode.scheme === "none") return undefined
      const scopes = right === undefined ? [] : [`repository:${right.image}:${right.actions.join(",")}`]
      const sent = authorization !== undefined
      if (mode.scheme === "basic") {
        return knows(authorization, mode.user, mode.password) ? undefined : challenge(origin, scopes, sent)
      }
      const token = tokens.get(authorization?.replace(/^Bearer /, "") ?? "")
      if (token === undefined || token.endsAt <= nowMs()) {
        return challenge(origin, scopes, sent, sent ? "invalid_token" : undefined)
      }
      const reaches = right?.actions.every((action) =>
        token.scopes.has(`repository:${right.image}:${action}`)
      )
      return reaches === false ? challenge(origin, scopes, sent, "insufficient_scope") : undefined
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
