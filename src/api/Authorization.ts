import { Context } from "effect"
import { HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"
import { Forbidden, Internal, TooMany, Unauthorized, Unavailable } from "./ApiError.ts"

/** What a token may, each including those before it. */
export const roles = ["read", "operate", "admin"] as const
export type Role = (typeof roles)[number]

/**
 * Annotation of an endpoint: the least role that may call it, or `anyone`, also without a token. The server
 * refuses to start with an endpoint that has none (X8).
 */
export class Access extends Context.Service<Access, Role | "anyone">()("registrywatcher/api/Access") {}

/** Annotation of an endpoint that shows every repository at once: tokens for some repositories may not call it. */
export class Unrestricted extends Context.Service<Unrestricted, true>()("registrywatcher/api/Unrestricted") {}

/** Who calls: what the token says, `anonymous` where no token exists. */
export class Caller extends Context.Service<
  Caller,
  {
    readonly name: string
    readonly role: Role
    /** Null: every repository. */
    readonly repositories: ReadonlyArray<string> | null
    /** The peer's address, for the audit. */
    readonly from: string
  }
>()("registrywatcher/api/Caller") {}

/** Bearer token against the endpoint's `Access`; without any token in the database, loopback is let in. */
export class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: Caller }>()(
  "registrywatcher/api/Authorization",
  {
    requiredForClient: true,
    security: { bearer: HttpApiSecurity.bearer },
    error: [Unauthorized, Forbidden, TooMany, Internal, Unavailable]
  }
) {}
