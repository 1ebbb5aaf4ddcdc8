import { Effect, Redacted } from "effect"
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import type { Database } from "./Database.ts"
import { storeCall } from "./storeCall.ts"
import type { Role, Tokens } from "./Tokens.ts"

interface TokenRow {
  readonly hash: Uint8Array
  readonly principal: string
  readonly role: Role
  readonly repositories: ReadonlyArray<string> | null
  readonly created_at: Date
  readonly expires: Date | null
  readonly revoked: Date | null
}

/** Greppable, so that scanners of leaked secrets find it. */
const prefix = "rw_"
const hashOf = (token: string): Buffer => createHash("sha256").update(token).digest()

const toPrincipal = ({ principal, role, repositories }: TokenRow) => ({ name: principal, role, repositories })

/** `Tokens` as the rows of `token`. */
export const issuedTokens = ({ pool: sql }: Database["Service"]): Tokens["Service"] => ({
  create: ({ name, role, repositories }, expires) =>
    storeCall(
      "Tokens.create",
      Effect.gen(function* () {
        const token = yield* Effect.sync(() => `${prefix}${randomBytes(32).toString("base64url")}`)
        const made = yield* sql`
          with made as (
            insert into token (hash, principal, role, repositories, expires)
            values (${hashOf(token)}, ${name}, ${role}, ${repositories}::text[], ${expires}::timestamptz)
            on conflict (principal) where revoked is null do nothing
            returning principal
          ), audited as (
            insert into audit (who, action, after)
            select 'registrywatcher', 'token created', jsonb_build_object('name', principal, 'role', ${role}::text)
            from made
          )
          select from made`
        return made.length === 0 ? null : Redacted.make(token)
      })
    ),

  list: storeCall(
    "Tokens.list",
    Effect.map(sql<TokenRow>`select * from token order by created_at, principal`, (rows) =>
      rows.map((row) => ({
        ...toPrincipal(row),
        createdAt: row.created_at,
        expires: row.expires,
        revoked: row.revoked
      }))
    )
  ),

  revoke: (name) =>
    storeCall(
      "Tokens.revoke",
      sql`
        with revoked as (
          update token set revoked = now() where principal = ${name} and revoked is null returning principal
        ), audited as (
          insert into audit (who, action, after)
          select 'registrywatcher', 'token revoked', jsonb_build_object('name', principal) from revoked
        )
        select from revoked`
    ).pipe(Effect.map((rows) => rows.length > 0)),

  exist: storeCall(
    "Tokens.exist",
    sql`select from token where revoked is null and (expires is null or expires > now()) limit 1`
  ).pipe(Effect.map((rows) => rows.length > 0)),

  principal: (token) => {
    const hash = hashOf(Redacted.value(token))
    return storeCall(
      "Tokens.principal",
      sql<TokenRow>`
        select * from token where hash = ${hash} and revoked is null and (expires is null or expires > now())`
    ).pipe(
      // The index compared already, in its own time; what is let in is compared once more, in constant time (X10).
      Effect.map(([row]) => (row !== undefined && timingSafeEqual(row.hash, hash) ? toPrincipal(row) : null))
    )
  }
})
