import { Context, Effect, Layer, type Redacted } from "effect"
import { Database } from "./Database.ts"
import { issuedTokens } from "./issuedTokens.ts"
import type { StoreError } from "./StoreError.ts"

export type Role = "read" | "operate" | "admin"

/** Who a token speaks for and what it may. */
export interface Principal {
  readonly name: string
  readonly role: Role
  /** Null: every repository. */
  readonly repositories: ReadonlyArray<string> | null
}

/** API tokens: 256 random bits, stored as SHA-256 only (X7, X10). */
export class Tokens extends Context.Service<
  Tokens,
  {
    /** Shown this once. A name that exists and is not revoked is refused as `null`. */
    create(principal: Principal, expires: Date | null): Effect.Effect<Redacted.Redacted | null, StoreError>
    readonly list: Effect.Effect<
      ReadonlyArray<
        Principal & { readonly createdAt: Date; readonly expires: Date | null; readonly revoked: Date | null }
      >,
      StoreError
    >
    /** False where no unrevoked token has this name. */
    revoke(name: string): Effect.Effect<boolean, StoreError>
    /** True once a token exists that is neither revoked nor expired: from then on every call needs one. */
    readonly exist: Effect.Effect<boolean, StoreError>
    /** Null for an unknown, revoked or expired one. Compared in constant time. */
    principal(token: Redacted.Redacted): Effect.Effect<Principal | null, StoreError>
  }
>()("registrywatcher/store/Tokens") {
  /** On a database that is migrated. */
  static readonly layer = Layer.effect(Tokens, Effect.map(Database, issuedTokens))
}
