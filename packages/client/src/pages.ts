/** Lists that come page by page, read while they are gone through. */

/** `cursor` is the parameter of the query that takes `next`; `read` asks with the query as it is then. */
export async function* pages<Page extends { readonly next: string | null }>(
  query: URLSearchParams,
  cursor: string,
  read: () => Promise<Page>,
): AsyncGenerator<Page> {
  while (true) {
    const page = await read()
    yield page
    if (page.next === null) return
    query.set(cursor, page.next)
  }
}
