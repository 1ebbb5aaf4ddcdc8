import { Redacted, Result } from "effect"
import { parseJsonObject } from "./parseJsonObject.ts"

export interface BearerToken {
  readonly token: Redacted.Redacted
  /** Milliseconds from now; null where the answer does not say, as Quay's and Gitea's. */
  readonly lifetimeMs: number | null
}

/** The specification's least lifetime; shorter ones are what Go's clients raise as well. */
const shortestMs = 60_000

/**
 * A token server's answer (distribution, spec/auth/token.md). A lifetime that is not said is 60 s by the
 * specification, although Quay's tokens live an hour: such a token is kept until it is refused.
 *
 * @param now - wall clock in milliseconds. An `issued_at` after it, or so long before it that the token were
 *   dead on arrival, is a clock that disagrees: the lifetime then counts from now.
 */
export const parseTokenResponse = (body: string, now: number): Result.Result<BearerToken, string> => {
  const fields = parseJsonObject(body)
  if (fields === undefined) return Result.fail("the token server's answer is no JSON object")
  // The header is one line of visible ASCII; an empty bearer is never sent (X18).
  const token = [fields["access_token"], fields["token"]].find(
    (value) => typeof value === "string" && /^[\x21-\x7e]+$/.test(value)
  )
  if (typeof token !== "string") return Result.fail("the token server's answer has no token")
  return Result.succeed({ token: Redacted.make(token), lifetimeMs: lifetimeMs(fields, now) })
}

const lifetimeMs = (fields: Readonly<Record<string, unknown>>, now: number): number | null => {
  const { expires_in: expiresIn, issued_at: issuedAt } = fields
  // An object can not always be made a number or a text: `{"toString":{}}` throws.
  const seconds =
    typeof expiresIn === "number" || typeof expiresIn === "string" ? Number(expiresIn) : Number.NaN
  if (!Number.isFinite(seconds)) return null
  const lifetime = Math.max(seconds * 1_000, shortestMs)
  const age = now - Date.parse(typeof issuedAt === "string" ? issuedAt : "")
  return age > 0 && age < lifetime ? lifetime - age : lifetime
}
