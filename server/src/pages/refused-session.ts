import type { Problem } from './call-api.ts';
import type { PageCall } from './page-call.ts';
import type { PageAnswer } from './page-route.ts';

/** Redirects people without a session to the sign-in page, and shows other refusals. */
export function refusedSession(page: PageCall, problem: Problem): PageAnswer {
  if (problem.code === 'unauthenticated') return { redirect: page.href('sign-in') };
  if (problem.code === 'mfa_enrolment_required') {
    return { redirect: page.href('account/second-factors', { notice: 'required' }) };
  }
  page.problem = problem;
  return page.content('account', page.signOutForm());
}
