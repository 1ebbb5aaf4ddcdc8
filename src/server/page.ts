import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Api } from "../api/Api.ts"
import { NotFound } from "../api/ApiError.ts"
import { pageFiles } from "./pageFiles.ts"

// Nothing inline, nothing from elsewhere, and no text that becomes markup (X12, X15).
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'"
].join("; ")

const types = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml"
}

/** Handlers of the page's files, read once at the start. */
export const page = HttpApiBuilder.group(
  Api,
  "page",
  Effect.fnUntraced(function* (handlers) {
    const files = yield* Effect.sync(pageFiles)
    const answers = new Map(Object.entries(files).map(([name, text]) => [name, answerOf(name, text)]))
    const answer = Effect.fnUntraced(function* (file: string) {
      return answers.get(file) ?? (yield* new NotFound({ message: "there is nothing at this path" }))
    })
    return handlers.handleAll({
      page: () => Effect.orDie(answer("page.html")),
      pageFile: ({ params: { file } }) => answer(file)
    })
  })
)

const answerOf = (name: string, text: string) =>
  HttpServerResponse.text(text, {
    contentType: types[name.slice(name.lastIndexOf(".") + 1) as keyof typeof types],
    headers: { "content-security-policy": policy }
  })
