/** Common names by script: given names, family names, and their spelling in addresses. */
interface Script {
  readonly given: readonly string[];
  readonly family: readonly string[];
}

const words = (text: string): string[] => text.trim().split(/\s+/);

const scripts: readonly Script[] = [
  {
    given: words('Maria John Anna Peter Laura James Julia Thomas Emma Daniel Sarah Lucas Nora Oscar'),
    family: words(
      'Smith Miller Taylor Wilson Moore Anderson Jackson White Harris Martin Thompson Garcia Martinez ' +
        'Robinson Clark Lewis Walker Hall Allen Young',
    ),
  },
  {
    given: words('José Chloë Zoë Jürgen Søren Łukasz Ingrid Ümit Işıl Çağla Đorđe Štěpán Ángel Françoise'),
    family: words(
      'Müller Núñez Öztürk Yıldız Kowalczyk Dvořák Jørgensen Åkesson Björnsson Groß Lefèvre Peña Şahin ' +
        'Çelik Horváth Ionescu Žižek Nguyễn Trần Phạm',
    ),
  },
  {
    given: words('محمد أحمد فاطمة عائشة خالد ليلى يوسف مريم إبراهيم زينب عمر سارة حسن نور'),
    family: words(
      'المصري الحسن العلي الشامي التونسي البغدادي الخطيب النجار الحداد القاضي الصالح الأحمد السيد ' +
        'الزهراني العتيبي الحربي الشمري الدوسري القحطاني المغربي',
    ),
  },
  {
    given: words('Мария Иван Анна Пётр Ольга Сергей Наталья Дмитрий Елена Алексей Юлия Николай Ирина Фёдор'),
    family: words(
      'Иванов Смирнов Кузнецов Попов Васильев Петров Соколов Михайлов Новиков Фёдоров Морозов Волков ' +
        'Алексеев Лебедев Семёнов Егоров Павлов Козлов Степанов Орлов',
    ),
  },
  {
    given: words('Μαρία Γιώργος Ελένη Κώστας Σοφία Νίκος Άννα Δημήτρης Κατερίνα Παύλος Ιωάννα Σπύρος Χρήστος Ειρήνη'),
    family: words(
      'Παπαδόπουλος Βλάχος Αγγελόπουλος Νικολαΐδης Γεωργίου Δημητρίου Οικονόμου Μακρής Κωνσταντίνου ' +
        'Ιωάννου Αντωνίου Αλεξίου Καραγιάννης Λάμπρου Σταύρου Χατζής Ζέρβας Μπέκας Ρήγας Τσάκος',
    ),
  },
  {
    given: words('आरव विवान अदिति प्रिया राहुल अंजलि सीता मोहन कविता सुनील रीना अर्जुन मीरा दीपक'),
    family: words('शर्मा वर्मा गुप्ता सिंह कुमार पटेल मेहता जोशी मिश्रा यादव चौधरी रेड्डी नायर अय्यर दास बोस सेन घोष कपूर खन्ना'),
  },
  {
    given: words('伟 芳 娜 秀英 敏 静 丽 强 磊 军 洋 勇 艳 杰'),
    family: words('王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 高 林 罗'),
  },
  {
    given: words('민준 서연 도윤 지우 예준 서현 시우 민서 하준 지민 주원 수빈 지호 유진'),
    family: words('김 이 박 최 정 강 조 윤 장 임 한 오 서 신 권 황 안 송 전 홍'),
  },
];

/** Number of given names and of family names of every script. */
const [givenCount, familyCount] = [14, 20];

export interface Name {
  readonly first: string;
  readonly last: string;
}

/**
 * Excluded from the combinations: one given name and one family name of each script, both frequent, whose combination
 * is rare.
 */
const [rareGiven, rareFamily] = [4, 14];

function pick(script: Script | undefined, given: number, family: number): Name {
  const [first, last] = [script?.given[given], script?.family[family]];
  if (first === undefined || last === undefined) throw new Error('a script has too few names');
  return { first, last };
}

/** Combines every given name of a script with every family name, alternating between scripts, without the rare ones. */
export function commonName(index: number): Name {
  const rest = Math.floor(index / scripts.length);
  const [given, family] = [rest % givenCount, Math.floor(rest / givenCount) % familyCount];
  const isRare = given === rareGiven && family === rareFamily;
  return pick(scripts[index % scripts.length], given, isRare ? family + 1 : family);
}

/** Every name has the same number of people, at every size. */
export const rareNames: readonly Name[] = [
  { first: 'Zdeněk', last: 'Quixworth' },
  ...scripts.map((script) => pick(script, rareGiven, rareFamily)),
];
export const peopleOfRareName = 60;
