import type { Answer } from '../answer.ts'

/** What a listener says of a path that it does not have. */
export const notFound: Answer = {
  status: 404,
  headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' },
  body: '{"error":"invalid_request","error_description":"No such path"}',
}
