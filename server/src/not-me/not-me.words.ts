import type { Language } from '../mail-texts/words.ts';
import type { NotMeSubject } from '../users/not-me-token.ts';

/** The effect of the button, by the kind of the link. `{{brandName}}` stands for the name of the app. */
type Effects = Readonly<Record<NotMeSubject['kind'], string>>;

/** The texts of the page in one language. */
export interface PageWords extends Effects {
  readonly title: string;
  readonly keep: string;
  readonly button: string;
  readonly doneTitle: string;
  readonly doneAccount: string;
  readonly doneOther: string;
  readonly doneFactors: string;
  readonly doneFactorReset: string;
  readonly donePolicy: string;
  readonly incomplete: string;
  readonly invalid: string;
  readonly later: string;
  readonly failed: string;
  readonly noScript: string;
}

export const pageWords: Readonly<Record<Language, PageWords>> = {
  en: {
    title: 'Was this not you?',
    account:
      'Somebody signed up for {{brandName}} with your e-mail address. If it was not you, press the button. The ' +
      'password and all sessions of that account are removed, and nobody can use the account with your address.',
    session:
      'Somebody signed in to your account at {{brandName}} from a new device. If it was not you, press ' +
      'the button: that session ends, and you get a mail to choose a new password.',
    identity:
      'A new sign-in method was added to your account at {{brandName}}. If it was not you, press the button: the ' +
      'sign-in method is removed, all sessions end, and you get a mail to choose a new password.',
    api_key:
      'An API key was created with your account at {{brandName}}. If it was not you, press the button: the key ' +
      'ends, all sessions end, and you get a mail to choose a new password.',
    password:
      'The password of your account at {{brandName}} was changed. If it was not you, press the button: ' +
      'the new password is removed, all sessions end, and you get a mail to choose another one.',
    machine_secret:
      'Your account at {{brandName}} created a secret for a machine user. If it was not you, press the ' +
      'button: the secret is deleted, all sessions end, and you get a mail to choose a new password.',
    factor:
      'A second factor was added to your account at {{brandName}}. If it was not you, press the button: the second ' +
      'factor is removed, all sessions end, and you get a mail to choose a new password.',
    factors:
      'Second factors or recovery codes of your account at {{brandName}} were used or changed. If it was not you, ' +
      'press the button: all sessions end, and you get a mail to choose a new password.',
    factor_reset:
      'An administrator will remove the second factors of your account at {{brandName}}. If you did not ask for ' +
      'this, press the button: your second factors stay.',
    security_policy:
      'Your account at {{brandName}} changed the security policy of an organization. If it was not you, press the ' +
      'button: all sessions end, and you get a mail to choose a new password.',
    keep: 'If it was you, close this page. Nothing changes.',
    button: 'This was not me',
    doneTitle: 'Done',
    doneAccount: 'The sign-up is rejected. No further action is needed.',
    doneOther: 'It was removed. You get a mail to choose a new password. Please do so now.',
    doneFactors:
      'All sessions have ended. You get a mail to choose a new password. Please do so now, and check your second ' +
      'factors.',
    doneFactorReset: 'The removal is cancelled. Your second factors stay.',
    donePolicy:
      'All sessions have ended. You get a mail to choose a new password. Please do so now, and check the security ' +
      'policy of the organization.',
    incomplete: 'This link is incomplete. Open it again from the mail, or copy all of it.',
    invalid: 'This link is no longer valid: it has expired, or the account was confirmed in the meantime.',
    later: 'Too many requests. Please try again later.',
    failed: 'The request failed. Please check your connection and try again.',
    noScript: 'This page needs JavaScript to read the link.',
  },
  ar: {
    title: 'ألم تكن أنت؟',
    account:
      'سجّل شخص ما في {{brandName}} بعنوان بريدك الإلكتروني. إذا لم تكن أنت، فاضغط الزرّ: ستُحذف كلمة ' +
      'مرور ذلك الحساب وتنتهي جميع جلساته، ولن يتمكّن أحد من استخدامه بعنوانك.',
    session:
      'سُجّل الدخول إلى حسابك في {{brandName}} من جهاز جديد. إذا لم تكن أنت، فاضغط الزرّ: ستنتهي تلك ' +
      'الجلسة، وستصلك رسالة لاختيار كلمة مرور جديدة.',
    identity:
      'أُضيفت طريقة جديدة لتسجيل الدخول إلى حسابك في {{brandName}}. إذا لم تكن أنت، فاضغط الزرّ: ستُحذف ' +
      'وتنتهي جميع الجلسات، وستصلك رسالة لاختيار كلمة مرور جديدة.',
    api_key:
      'أُنشئ مفتاح API بحسابك في {{brandName}}. إذا لم تكن أنت، فاضغط الزرّ: سيُلغى المفتاح وتنتهي جميع ' +
      'الجلسات، وستصلك رسالة لاختيار كلمة مرور جديدة.',
    password:
      'تغيّرت كلمة مرور حسابك في {{brandName}}. إذا لم تكن أنت من غيّرها، فاضغط الزرّ: ستُحذف كلمة ' +
      'المرور الجديدة وتنتهي جميع الجلسات، وستصلك رسالة لاختيار كلمة أخرى.',
    machine_secret:
      'أنشأ حسابك في {{brandName}} سرًّا لمستخدم آلة. إذا لم تكن أنت من فعل ذلك، فاضغط الزرّ: سيُحذف السرّ ' +
      'وتنتهي جميع الجلسات، وستصلك رسالة لاختيار كلمة مرور جديدة.',
    factor:
      'أُضيف عامل تحقّق ثانٍ إلى حسابك في {{brandName}}. إذا لم تكن أنت من فعل ذلك، فاضغط الزرّ: سيُزال ' +
      'وتنتهي جميع الجلسات، وستصلك رسالة لاختيار كلمة مرور جديدة.',
    factors:
      'استُخدمت عوامل التحقّق الثانية أو رموز الاسترداد لحسابك في {{brandName}} أو تغيّرت. إذا لم تكن أنت من ' +
      'فعل ذلك، فاضغط الزرّ: ستنتهي جميع الجلسات، وستصلك رسالة لاختيار كلمة مرور جديدة.',
    factor_reset:
      'سيُزيل أحد المسؤولين عوامل التحقّق الثانية من حسابك في {{brandName}}. إذا لم تطلب ذلك، فاضغط الزرّ: ' +
      'ستبقى عوامل التحقّق الثانية كما هي.',
    security_policy:
      'غيّر حسابك في {{brandName}} سياسة الأمان لإحدى المؤسسات. إذا لم تكن أنت من فعل ذلك، فاضغط الزرّ: ستنتهي جميع ' +
      'الجلسات، وستصلك رسالة لاختيار كلمة مرور جديدة.',
    keep: 'إذا كنت أنت، فأغلق هذه الصفحة، ولن يتغيّر شيء.',
    button: 'لم أكن أنا',
    doneTitle: 'تمّ',
    doneAccount: 'رُفض التسجيل. لا يلزمك القيام بأيّ إجراء آخر.',
    doneOther: 'تمّ الحذف. أرسلنا إليك رسالة لاختيار كلمة مرور جديدة، فيُرجى القيام بذلك الآن.',
    doneFactors:
      'انتهت جميع الجلسات. أرسلنا إليك رسالة لاختيار كلمة مرور جديدة، فيُرجى القيام بذلك الآن ومراجعة عوامل ' +
      'التحقّق الثانية.',
    doneFactorReset: 'أُلغيت الإزالة، وستبقى عوامل التحقّق الثانية كما هي.',
    donePolicy:
      'انتهت جميع الجلسات. أرسلنا إليك رسالة لاختيار كلمة مرور جديدة، فيُرجى القيام بذلك الآن ومراجعة سياسة الأمان ' +
      'للمؤسسة.',
    incomplete: 'هذا الرابط غير مكتمل. افتحه مرّة أخرى من الرسالة، أو انسخه كاملًا.',
    invalid: 'لم يعد هذا الرابط صالحًا: انتهت صلاحيته، أو أُكّد الحساب بعد إرساله.',
    later: 'الطلبات كثيرة جدًّا. يُرجى المحاولة لاحقًا.',
    failed: 'تعذّر ذلك. يُرجى التحقّق من الاتصال والمحاولة مرّة أخرى.',
    noScript: 'تحتاج هذه الصفحة إلى JavaScript لقراءة الرابط.',
  },
};
