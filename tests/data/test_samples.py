"""The embedded data sets: what recipes may name is what there is, and the regression's is of the shape it promises."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from tune_polar.data.column_request import DataRequest, column_specs
from tune_polar.data.load import load_corpus
from tune_polar.data.repeated import bonds
from tune_polar.data.sample_corpus import sample_corpus
from tune_polar.data.samples import SAMPLES, make_sample
from tune_polar.data.samples.intimacy import LANGUAGES, UNSEEN
from tune_polar.data.samples.registry import register
from tune_polar.data.source import Source
from tune_polar.data.table import Corpus
from tune_polar.errors import DataError, SpecError
from tune_polar.recipe.components.samples import SAMPLES as NAMED
from tune_polar.recipe.recipe_file import RecipeOptions, load_recipe


def test_recipes_may_name_those_there_are():
    assert set(SAMPLES) == set(NAMED)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_the_same_for_the_same_seed(name):
    one, other = make_sample(name), make_sample(name, 1)
    assert one.fingerprint == make_sample(name).fingerprint != other.fingerprint
    rows = bonds(one.train, len(one.train), ())
    assert len(set(rows.tolist())) == len(one.train)  # no text is there twice


def test_what_is_not_there_is_refused():
    with pytest.raises(DataError, match=r"the sample must be one of .*got 'tweets'"):
        make_sample("tweets")
    with pytest.raises(DataError, match="seed must be at least 0, got -1"):
        make_sample("intimacy", -1)
    with pytest.raises(ValueError, match="registered once"):
        register("polar")(sample_corpus)
    with pytest.raises(SpecError, match=r"sample: must be one of .*did you mean 'intimacy'"):
        load_recipe("regressor", RecipeOptions(changes={"sample": "intimate"}))


def test_the_sample_a_request_names_is_read():
    request = DataRequest(column_specs(numbers={"intimacy": [1, 5]}, groups=["language"]), sample="intimacy")
    assert load_corpus(Source(kind="sample"), request).fingerprint == make_sample("intimacy").fingerprint
    with pytest.raises(DataError, match="the sample polar has the columns"):
        load_corpus(Source(kind="sample"), DataRequest(request.specs))


@pytest.fixture(scope="module")
def intimacy() -> Corpus:
    return make_sample("intimacy")


def test_numbers_and_languages_of_the_regression(intimacy):
    numbers, languages = intimacy.train.values("intimacy"), intimacy.train.words("language")
    assert (numbers.min(), numbers.max()) == (1.0, 5.0)
    assert np.allclose(numbers * 5, np.rint(numbers * 5))  # the mean of five raters
    assert 1.9 < numbers.mean() < 2.5
    means = {name: numbers[[each == name for each in languages]].mean() for name in set(languages)}
    assert max(means.values()) - min(means.values()) > 0.5
    assert {each.script for each in LANGUAGES} == {"latin", "cyrillic"}
    assert set(intimacy.splits["test"].words("language")) - set(languages) == {each.name for each in UNSEEN}


def test_words_tell_the_number_and_less_so_of_a_language_not_seen(intimacy):
    train, test = intimacy.train, intimacy.splits["test"]
    words = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=2)
    guess = Ridge(1.0).fit(words.fit_transform(train.texts), train.values("intimacy"))
    said, gold = guess.predict(words.transform(test.texts)), test.values("intimacy")
    unseen = np.isin(test.words("language"), [each.name for each in UNSEEN])
    seen_r, unseen_r = pearsonr(said[~unseen], gold[~unseen])[0], pearsonr(said[unseen], gold[unseen])[0]
    assert 0.6 < seen_r < 0.9
    assert 0.15 < unseen_r < seen_r - 0.1


def test_posts_and_what_they_imply():
    """Two topics, each the other's evaluation set; what is implied is there of hurtful posts alone."""
    harbour, orchard = make_sample("harbour"), make_sample("orchard")
    assert (list(harbour.splits), list(orchard.splits)) == (["train", "dev", "orchard"], ["train", "dev", "harbour"])
    for name in ("train", "dev"):
        split = harbour.splits[name]
        assert [int(bool(said)) for said in split.words("implied_statement")] == split.values("hate").tolist()
        assert all(one != other for one, other in zip(split.texts, split.words("augmented"), strict=True))
    assert list(harbour.splits["orchard"].columns) == ["hate"]


def test_positives_of_the_sample_are_read_as_a_recipe_asks():
    asked = {"positive": {"column": "implied_statement", "otherwise": "augmented"}}
    request = DataRequest(column_specs(labels=["hate"], texts=asked), sample="harbour")
    train = load_corpus(Source(kind="sample"), request).train
    implied, augmented = train.words("implied_statement"), train.words("augmented")
    assert train.words("positive") == [one or other for one, other in zip(implied, augmented, strict=True)]


def test_rows_of_the_sample_that_stand_in_for_themselves_are_told() -> None:
    request = DataRequest(column_specs(labels=["hate"], texts={"positive": "implied_statement"}), sample="harbour")
    corpus = load_corpus(Source(kind="sample"), request)
    train, implied = corpus.train, corpus.train.words("implied_statement")
    assert train.words("positive") == [one or other for one, other in zip(implied, train.texts, strict=True)]
    told = [(each.column, each.count) for each in corpus.warnings if each.code == "own-text"]
    assert told[0] == ("implied_statement", implied.count(""))
