import type { Answer } from "./Exchange.ts"
import { isObject, parseJsonObject } from "./parseJsonObject.ts"
import { AccessDenied, Malformed, Unavailable } from "./RegistryError.ts"
import { retryAfterMs } from "./retryAfter.ts"

/**
 * Why an answer is not the one that was hoped for: by its status first, the body only adds the code. Its
 * message is left out: a registry may echo in it what we sent (X6).
 *
 * @param now - wall clock in milliseconds
 */
export const refusal = (answer: Answer, now: number): AccessDenied | Malformed | Unavailable => {
  const { status } = answer
  const words = [String(status), errorCode(answer.body)].filter((word) => word !== "").join(" ")
  if (status === 401 || status === 403) return new AccessDenied({ status, words })
  if (status === 408 || status === 429 || status >= 500) {
    return new Unavailable({ words, retryAfter: retryAfterMs(answer, now), cause: words })
  }
  return new Malformed({
    words: status >= 300 && status < 400 ? `${words}: redirects are not followed` : words
  })
}

/** `errors[0].code` of the body (distribution-spec, "Error Codes"), `""` where there is none. */
const errorCode = (body: Buffer): string => {
  const errors = parseJsonObject(body.toString("utf8"))?.["errors"]
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined
  const code = isObject(first) ? first["code"] : undefined
  return typeof code === "string" && /^[A-Z][A-Z_]{1,63}$/.test(code) ? code : ""
}
