"""Search that finds Chinese words, which stand without spaces: every character, and every two that stand together.

Sphinx takes a run of Chinese characters for one word, so that 嵌入 would not be found in 词嵌入. Here a run is cut into
its characters and pairs when a page is indexed, and into its pairs when a reader asks: a page that holds all pairs of
注意力 holds, but for rare accidents, the word.
"""

import re

from sphinx.search.en import SearchEnglish

HAN = re.compile(r"([\u3400-\u4dbf\u4e00-\u9fff]+)")


def pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)]


class SearchBoth(SearchEnglish):
    """English words by their stems, Chinese by characters and pairs."""

    js_splitter_code = """
var splitQuery = (query) => query
    .split(/[^\\p{Letter}\\p{Number}_\\p{Emoji_Presentation}]+/gu)
    .flatMap((word) => word.split(/([\\u3400-\\u4dbf\\u4e00-\\u9fff]+)/))
    .flatMap((part) => /^[\\u3400-\\u4dbf\\u4e00-\\u9fff]{2}/.test(part)
        ? Array.from({ length: part.length - 1 }, (_, i) => part.slice(i, i + 2))
        : [part])
    .filter((part) => part);
"""

    def split(self, text: str) -> list[str]:
        found = []
        for word in super().split(text):
            for part in HAN.split(word):
                found += (
                    [*part, *pairs(part)] if HAN.match(part) else [part] * bool(part)
                )
        return found


class SearchChinese(SearchBoth):
    lang = "zh"
    language_name = "Chinese"


def setup(app):
    app.add_search_language(SearchBoth)
    app.add_search_language(SearchChinese)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
