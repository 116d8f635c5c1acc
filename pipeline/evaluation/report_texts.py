"""Texts of the evaluation report, English and Japanese: the page holds both and switches."""

from __future__ import annotations

__all__ = ["TEXTS"]

TEXTS: dict[str, tuple[str, str]] = {
    "title": ("Evaluation", "評価レポート"),
    "lead": (
        "How well what is unusual is found in footage with labels.",
        "ラベル付き映像で、異常をどれだけ見つけられたかを示します。",
    ),
    "footage": ("Footage", "映像"),
    "videos": ("videos", "本"),
    "frames": ("frames", "フレーム"),
    "labelled": ("labelled", "ラベル付き"),
    "intervals": ("labelled intervals", "ラベル区間"),
    "model": ("Model", "モデル"),
    "preset": ("preset", "プリセット"),
    "seeds": ("seeds", "シード"),
    "given": ("given model", "指定モデル"),
    "headline": ("At a glance", "概要"),
    "card_micro": ("Micro AUC, all experts fused", "マイクロ AUC（全専門家の統合）"),
    "card_interval": ("95 % interval by video", "動画単位の 95 % 区間"),
    "card_trivial": ("Best trivial score", "最良の単純スコア"),
    "card_trivial_beaten": ("below the fused score", "統合スコアを下回る"),
    "card_trivial_not_beaten": (
        "not beaten by the fused score",
        "統合スコアはこれを上回っていない",
    ),
    "card_recall": ("Labelled events found", "検出したラベル区間"),
    "card_delay": ("mean delay", "平均遅延"),
    "card_false": ("False alarms per hour", "1 時間あたりの誤報"),
    "card_false_note": (
        "of normal footage, at the shipped threshold",
        "正常映像に対して、出荷時のしきい値で",
    ),
    "strict": ("Strict figures", "厳密な指標"),
    "strict_note": (
        "The score of a frame is that of the clip around it, known half a clip later; nothing else "
        "looks ahead. Normalisation, weights, smoothing and "
        "thresholds come from training footage only. All frames count. The trivial scores below "
        "the line are counted in the same way; a model that does not beat them is decoration.",
        "フレームのスコアはその前後のクリップのもので、クリップの半分の時間だけ遅れて判明します。"
        "それ以外に未来は使いません。正規化・重み・平滑化・しきい値は学習映像"
        "だけから決め、全フレームを数えます。線の下の単純スコアも同じ方法で数えています。これに勝てない"
        "モデルに意味はありません。",
    ),
    "latency": ("Seconds until it is known:", "判明するまでの秒数："),
    "literature": ("As in the literature", "論文と同じ数え方"),
    "literature_note": (
        "Min-max of each test video and centred smoothing use the future of the video and cannot "
        "be deployed. Only to compare with papers.",
        "テスト動画ごとの最小最大正規化と中心平滑化は動画の未来を使うため、実運用はできません。"
        "論文との比較のためだけに示します。",
    ),
    "row": ("score", "スコア"),
    "left_out": ("Leave one out", "専門家を一つ外すと"),
    "left_out_note": (
        "Strict micro AUC of all experts but one. What an expert adds is the fused score's less "
        "that of the others; below 0 the others do better alone.",
        "一つの専門家を除いた統合スコアのマイクロ AUC（厳密な数え方）です。"
        "寄与は、全体の値から残りの値を引いたもので、負なら外した方が良くなります。",
    ),
    "left_out_expert": ("left out", "外した専門家"),
    "left_out_others": ("the others reach", "残りの値"),
    "left_out_adds": ("it adds", "寄与"),
    "budget": ("Alarm budget", "アラーム予算"),
    "budget_stated": ("stated, false alarms a day", "設定値（誤報／日）"),
    "budget_measured": ("measured on normal test time", "正常なテスト時間での実測"),
    "budget_interval": ("95 % interval (Poisson)", "95 % 区間（ポアソン）"),
    "budget_detected": (
        "labelled frames shown while an alert was open",
        "アラート中に表示された異常フレームの割合",
    ),
    "budget_hours": (
        "A short test set says little about a whole day: look at the interval.",
        "短いテスト映像から 1 日分を語るには限界があります。区間を見てください。",
    ),
    "curves": ("Score over time", "スコアの推移"),
    "curves_note": (
        "Fused score (-log10 p, smoothed as in operation) of each test video, first seed. One "
        "logarithmic scale for all videos.",
        "各テスト動画の統合スコア（-log10 p、運用時と同じ平滑化）、最初のシード。"
        "全動画で同じ対数目盛りです。",
    ),
    "legend_score": ("score", "スコア"),
    "legend_label": ("labelled as unusual", "異常ラベル"),
    "legend_alert": ("alert raised", "アラート中"),
    "legend_threshold": ("alert threshold", "アラートしきい値"),
    "seconds": ("s", "秒"),
    "events": ("Best and worst events", "最良と最悪の事例"),
    "events_note": (
        "The frame with the highest score of each event, and the map of what the experts found "
        "strange there, over the same frame. One colour scale for all pictures, from transparent "
        "(as usual) to dark red (the largest deviation shown here).",
        "各事例で最もスコアが高いフレームと、専門家が異常とみなした場所の地図です。色の目盛りは全画像で共通で、"
        "透明（普段どおり）から暗赤（ここで最大の逸脱）までです。",
    ),
    "spreads": ("spreads from the usual", "通常からの偏差"),
    "found": ("Found", "検出"),
    "missed": ("Missed", "見逃し"),
    "false_alarm": ("False alarms", "誤報"),
    "none_found": ("No labelled event was found.", "検出されたラベル区間はありません。"),
    "none_missed": ("No labelled event was missed.", "見逃したラベル区間はありません。"),
    "none_false_alarm": ("No false alarm was raised.", "誤報はありません。"),
    "peak_at": ("peak at", "ピーク"),
    "score_word": ("score", "スコア"),
    "threshold_word": ("threshold", "しきい値"),
    "led_by": ("led by", "主な専門家"),
    "after": ("alert after", "アラートまで"),
    "frame_alt": ("Frame at the peak", "ピークのフレーム"),
    "heat_alt": ("Heat map over the frame", "ヒートマップ"),
    "how": ("How it was made", "作成方法"),
    "stage": ("stage", "段階"),
    "wall": ("wall time", "所要時間"),
    "digests": ("Digests (sha256)", "ダイジェスト（sha256）"),
    "settings": ("Settings", "設定"),
    "not_measured": (
        "– means that there is nothing to measure: no masks, one class only, or no threshold.",
        "– は測定対象がないことを示します（マスクなし、片方のクラスのみ、しきい値なし）。",
    ),
    "micro_auc": ("micro AUC", "マイクロ AUC"),
    "macro_auc": ("macro AUC", "マクロ AUC"),
    "average_precision": ("average precision", "平均適合率"),
    "eer": ("EER", "EER"),
    "tpr_at_fpr_1": ("TPR at FPR 1 %", "TPR FPR 1 %"),
    "tpr_at_fpr_5": ("TPR at FPR 5 %", "TPR FPR 5 %"),
    "pixel_auroc": ("pixel AUROC", "画素 AUROC"),
    "rbdc": ("RBDC", "RBDC"),
    "tbdc": ("TBDC", "TBDC"),
    "event_recall": ("events found", "区間検出率"),
    "false_alarms_per_hour": ("false alarms per hour", "誤報／時"),
    "detection_delay_seconds": ("delay, seconds", "遅延（秒）"),
    "f1_at_threshold": ("F1 at threshold", "しきい値での F1"),
    "frame_index": ("trivial: frame index", "単純：フレーム番号"),
    "largest_frame_difference": ("trivial: frame difference 16 px", "単純：フレーム差分 16 px"),
    "largest_optical_flow": ("trivial: optical flow 24 px", "単純：オプティカルフロー 24 px"),
    "brightness_change": ("trivial: brightness change", "単純：明るさの変化"),
    "fused": ("all experts fused", "全専門家の統合"),
    "tgan": ("TGAN experts", "TGAN の専門家"),
}
"""Key -> (English, Japanese)."""
