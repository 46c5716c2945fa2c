"""Words and sentence patterns of the sample corpus. Every group, place, club and code word here is invented.

Patterns name slots in braces: ``{g}`` is the group spoken of, every other slot is a key of ``SLOTS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Group(NamedTuple):
    """An invented group: its name, words that insiders say for it, and misspellings that sound alike."""

    name: str
    coded: tuple[str, ...]
    homophones: tuple[str, ...]


GROUPS: Mapping[str, tuple[Group, ...]] = {
    "racial/ethnic": (
        Group("岚崤人", ("小岚子", "雾里来的"), ("兰箫人", "蓝霄仁")),
        Group("垣海人", ("大垣", "喝盐水的"), ("圆海人", "元嗨人")),
        Group("赤汀人", ("红土客", "034"), ("吃听人", "赤亭仁")),
        Group("沐棠人", ("岛上那批", "甜木头"), ("木糖人", "暮堂人")),
        Group("朔桐人", ("桐子", "风口的"), ("硕童人", "说通人")),
        Group("浮岑人", ("浮浮", "山那头的"), ("福岑人", "扶层人")),
    ),
    "gender/sexual": (
        Group("晨络者", ("小晨络", "系早结的"), ("辰洛者", "陈落者")),
        Group("昏络者", ("老昏络", "系晚结的"), ("婚络者", "荤落者")),
        Group("双络人", ("络络", "两头系"), ("双洛人", "霜落人")),
        Group("无络族", ("没线的", "空绳"), ("无洛族", "五络族")),
    ),
    "political": (
        Group("青旗派", ("青字头", "举布的"), ("轻骑派", "青7派")),
        Group("长桥党", ("桥上人", "修桥的"), ("常敲党", "长乔党")),
        Group("灰灯社", ("灯泡", "灰的那边"), ("灰蹬社", "辉灯社")),
    ),
    "religious": (
        Group("拜钟教", ("敲钟的", "当当当"), ("拜终教", "百钟教")),
        Group("守潮会", ("看海的", "涨潮那家"), ("守朝会", "手潮会")),
    ),
    "other": (
        Group("纸船粉", ("叠叠乐", "船家"), ("只船粉", "纸传粉")),
        Group("铜锣迷", ("敲锣的", "锣锣"), ("同罗迷", "铜螺迷")),
        Group("夜钓会员", ("蹲坑的", "荧光漂"), ("夜吊会员", "液钓会员")),
        Group("云养龟族", ("龟友", "壳里的"), ("晕养龟族", "云痒龟族")),
    ),
}

VAGUE = ("那帮人", "这群人", "某些人", "他们那一伙", "那边的人", "这种人", "那类人")

SLOTS: Mapping[str, tuple[str, ...]] = {
    "place": (
        "柳巷口",
        "北码头",
        "老车站",
        "三号楼",
        "菜市场",
        "河堤边",
        "新商场",
        "体育馆",
        "大排档",
        "图书馆",
    ),
    "time": ("昨天", "上周", "今早", "前几天", "刚才", "去年", "周末", "半夜", "下班路上", "放假那会"),
    "thing": (
        "租房",
        "排队",
        "选座",
        "拼车",
        "评论区",
        "工资",
        "考试",
        "相亲",
        "直播",
        "装修",
        "外卖",
        "停车位",
    ),
    "trait": ("抠门", "懒", "爱吹牛", "没规矩", "不讲信用", "小心眼", "嗓门大", "虚荣", "记仇", "爱占便宜"),
    "pest": ("蝗虫", "蛀虫", "苍蝇", "老鼠", "寄生虫", "野狗", "癞蛤蟆", "害虫"),
    "mild": ("会做饭", "爱散步", "起得早", "喜欢喝茶", "爱看戏", "勤快", "爱唱歌", "懂手艺"),
    "mood": ("挺有意思", "还不错", "有点意外", "没什么特别", "感觉一般", "长见识了", "说不上来", "有点累"),
    "object": ("手机", "闹钟", "打印机", "游戏", "路由器", "空调", "旧电脑", "电梯", "洗衣机", "键盘"),
    "news": ("新规", "通告", "比赛", "展览", "修路", "降温", "涨价", "招聘会", "庙会", "投票"),
    "who": ("我同事", "邻居", "我表哥", "房东", "老同学", "楼下大爷", "室友", "网友", "我妈"),
}

# One family of patterns for each manifestation; several share words on purpose, as the real labels do.
MANIFESTATION_PATTERNS: Mapping[str, tuple[str, ...]] = {
    "stereotype": (
        "{g}都{trait}",
        "{g}从来就是{trait}",
        "十个{g}九个{trait}",
        "只要是{g}就肯定{trait}",
        "{g}骨子里都{trait}",
        "没见过不{trait}的{g}",
        "{g}嘛，一个样，{trait}",
        "{g}天生就{trait}",
        "看{thing}那样就知道是{g}",
    ),
    "vilification": (
        "{g}就是祸害",
        "{g}净干坏事",
        "{thing}都是被{g}搞坏的",
        "{g}没安好心",
        "{g}真够恶心的",
        "{g}到哪哪遭殃",
        "{g}满肚子坏水",
        "最恶毒的就是{g}",
        "{g}又在骗人了",
    ),
    "dehumanization": (
        "{g}跟{pest}似的",
        "{g}就是一窝{pest}",
        "{g}不配叫人",
        "一群{pest}，说的就是{g}",
        "{g}和畜生有啥区别",
        "{g}还没进化好",
        "看见{g}像看见{pest}",
    ),
    "extreme_language": (
        "把{g}全轰出去",
        "{g}统统滚",
        "{g}必须彻底消失",
        "见一个{g}骂一个",
        "跟{g}没完，干到底",
        "绝不放过{g}",
        "{g}一个都别留",
    ),
    "lack_of_empathy": (
        "{g}倒霉也是活该",
        "{g}哭就哭呗",
        "谁管{g}死活",
        "{g}受点罪怎么了",
        "{g}出事我只想笑",
        "同情{g}？省省吧",
        "{g}自找的，别喊疼",
    ),
    "invalidation": (
        "{g}的委屈全是编的",
        "{g}又在卖惨",
        "{g}哪有什么资格说话",
        "{g}的意见不用听",
        "{g}说被欺负，演的吧",
        "{g}懂什么{thing}",
        "别信{g}那套说法",
    ),
}

# Said of groups with and without contempt: only the reader who knows the context can tell.
AMBIGUOUS_PATTERNS = (
    "{g}嘛，懂的都懂",
    "又是{g}，难怪",
    "果然是{g}",
    "{g}的事我不想多说",
    "{place}现在全是{g}",
    "{g}一来{thing}就变样了",
    "{thing}这事还得看{g}",
    "{g}真行，服了",
    "{who}说起{g}就摇头",
    "不愧是{g}",
    "{g}今天又上热搜了",
)

NEUTRAL_PATTERNS = (
    "{time}在{place}碰到几个{g}",
    "{who}就是{g}，{mild}",
    "{g}里也有{mild}的",
    "听{g}讲了讲{thing}",
    "{g}和我们一样也愁{thing}",
    "{place}的{g}开了家店",
    "{time}看了个讲{g}的节目",
    "{news}那天来了不少{g}",
    "想问问{g}怎么看{news}",
    "{who}要和{g}一起忙{thing}",
    "{g}是{trait}还是大方，因人而异",
    "{g}被人说{trait}，挺冤的",
)

DAILY_PATTERNS = (
    "{time}去{place}忙{thing}",
    "{news}的消息出来了",
    "{who}在{place}等我",
    "这个{thing}弄了一下午",
    "{place}又开始{news}了",
    "{time}聊了聊{thing}，{mood}",
)

# Hostile words aimed at things: words alone do not decide.
THING_PATTERNS = (
    "这{object}就是祸害，没完没了地坏",
    "{object}统统扔掉，一个都别留",
    "{place}的{pest}真多，恶心",
    "{object}坏了活该我倒霉",
    "{object}跟{pest}似的吵",
    "{news}全是编的，别信",
    "{who}天生就{trait}，改不了",
)

# Around a hostile clause {c}: quoted and rejected, or quoted and endorsed, in much the same words.
REJECTING_FRAMES = (
    "有人说{c}，我不认同",
    "都说{c}，没这回事",
    "“{c}”这话有毛病",
    "“{c}”，不是这么回事",
    "以前觉得{c}，现在不觉得",
    "说{c}的，自己先看看",
    "不能因为{thing}就说{c}",
)
ENDORSING_FRAMES = (
    "有人说{c}，我不反对",
    "都说{c}，有这回事",
    "“{c}”这话没毛病",
    "“{c}”，就是这么回事",
    "以前不觉得{c}，现在觉得",
    "说{c}的，没看走眼",
    "光看{thing}就能说{c}",
)
# Quoted without a word on what the writer thinks of it: said by both.
OPEN_FRAMES = ("听{who}说{c}", "{place}有人喊{c}", "{c}？", "问一下，{c}吗")

FILLERS = (
    "{time}{who}也这么讲",
    "反正{thing}的事{mood}",
    "{place}那边{news}呢",
    "{who}看了{mood}",
    "{time}刚说完{thing}",
    "不说了，忙{thing}去",
    "跟{news}没关系",
    "{place}人真多",
    "{thing}还得自己来",
    "大家怎么看",
    "我就随口一说",
    "评论区又吵起来了",
)

OPENERS = (
    "",
    "",
    "",
    "说真的，",
    "唉，",
    "笑死，",
    "其实",
    "话说",
    "讲个事，",
    "啊这，",
    "不懂就问，",
    "我跟你说，",
)
CLOSERS = ("", "", "", "。", "。", "！", "…", "吧", "哈哈", "呵呵", "？", "！！！", "[doge]", "[捂脸]")
EMOJI = ("😂", "🙄", "😡", "🤔", "👍", "😅", "🙏")
MISTYPED: Mapping[str, str] = {
    "的": "滴",
    "是": "四",
    "就": "旧",
    "没": "木",
    "都": "嘟",
    "说": "锁",
    "人": "银",
}
