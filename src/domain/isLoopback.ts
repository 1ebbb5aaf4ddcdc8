/** True for hosts and addresses that only this machine reaches. Brackets are those of a URL's IPv6. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host)
