import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { readFileSync } from "node:fs"
import { Api } from "../api/Api.ts"
import { NotFound } from "../api/ApiError.ts"

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

/** Of `src/web`; a path that is not in here is no file of the page. */
const files = [
  "page.html",
  "page.css",
  "icon.svg",
  "page.js",
  "api.js",
  "element.js",
  "listen.js",
  "ordering.js",
  "Orders.js",
  "Row.js",
  "words.js"
] as const

/**
 * Handlers of the page's files, read once at the start: from `../web/`, seen from this file or from the bundle that it
 * is in, wherever the service is started.
 */
export const page = HttpApiBuilder.group(
  Api,
  "page",
  Effect.fnUntraced(function* (handlers) {
    const folder = new URL("../web/", import.meta.url)
    const answers = yield* Effect.sync(
      () =>
        new Map<string, HttpServerResponse.HttpServerResponse>(
          files.map((file) => [file, read(folder, file)])
        )
    )
    const answer = Effect.fnUntraced(function* (file: string) {
      return answers.get(file) ?? (yield* new NotFound({ message: "there is nothing at this path" }))
    })
    return handlers.handleAll({
      page: () => Effect.orDie(answer("page.html")),
      pageFile: ({ params: { file } }) => answer(file)
    })
  })
)

const read = (folder: URL, file: (typeof files)[number]) =>
  HttpServerResponse.text(readFileSync(new URL(file, folder), "utf8"), {
    contentType: types[file.slice(file.lastIndexOf(".") + 1) as keyof typeof types],
    headers: { "content-security-policy": policy }
  })
