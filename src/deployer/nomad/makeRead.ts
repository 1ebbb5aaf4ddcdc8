import { Effect, Option, Redacted, Schema } from "effect"
import type { JobRef } from "../../domain/JobRef.ts"
import { Unread } from "../../domain/Observed.ts"
import type { NomadAnswer, NomadHttp } from "./NomadHttp.ts"
import { plainLine } from "./plainLine.ts"
import { explained } from "./refusedIdentity.ts"

export type Scope = Pick<JobRef, "region" | "namespace">

export const unreachable = (words: string): Unread => Unread.make({ reason: "nomad_unreachable", words })

/** Nomad's text, short enough for a log line. */
const wordsOf = ({ status, text }: NomadAnswer) =>
  `Nomad answered ${status}: ${explained(plainLine(text, 500))}`

/** `forbidden`, naming the right; a wrong token of the Task API is a 401. */
export const readAnswer = (
  answer: NomadAnswer,
  right: string,
  namespace: string
): Effect.Effect<Option.Option<NomadAnswer>, Unread> => {
  if (answer.status === 403 || answer.status === 401) {
    const words = `${wordsOf(answer)}; the token needs ${right} in namespace "${namespace}"`
    return Effect.fail(Unread.make({ reason: "forbidden", words }))
  }
  if (answer.status === 404 && answer.text.trim().endsWith(" not found")) return Effect.succeedNone
  if (answer.status !== 200) return Effect.fail(unreachable(wordsOf(answer)))
  if (answer.headers.get("x-nomad-knownleader") === "false")
    return Effect.fail(unreachable("Nomad has no leader: its answer may be old"))
  return Effect.succeedSome(answer)
}

/** Where a call goes whose namespace or region is left open: to the endpoint's own. */
export const makeScopeQuery =
  (fallback: Scope) =>
  ({ region, namespace }: Scope) => ({
    region: region || fallback.region,
    namespace: namespace || fallback.namespace || "default"
  })

/** One read whose answer counts for decisions (S24); `None` where Nomad says that there is no such thing. */
export const makeRead = (http: NomadHttp, scopeQuery: ReturnType<typeof makeScopeQuery>) =>
  Effect.fnUntraced(function* (
    scope: Scope,
    right: string,
    path: string,
    rest: { readonly query?: Readonly<Record<string, string>>; readonly body?: unknown } = {}
  ) {
    const query = { ...scopeQuery(scope), ...rest.query }
    const answer = yield* http({
      method: rest.body === undefined ? "GET" : "POST",
      path,
      query,
      ...(rest.body === undefined ? {} : { body: Redacted.make(JSON.stringify(rest.body)) })
    }).pipe(Effect.mapError(({ words }) => unreachable(`Nomad did not answer: ${words}`)))
    return yield* readAnswer(answer, right, query.namespace)
  })

/** Reads the answer by a schema. Its text never goes into words: a job may hold secrets (X6). */
export const decodeAnswer = <S extends Schema.ConstraintDecoder<unknown>>(schema: S, what: string) => {
  const decode = Schema.decodeUnknownOption(Schema.fromJsonString(schema))
  return ({ text }: NomadAnswer) =>
    Option.match(decode(text), {
      onNone: () => Effect.fail(unreachable(`Nomad's answer is not ${what}`)),
      onSome: (value) => Effect.succeed(value)
    })
}
