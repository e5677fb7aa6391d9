"""Word lists of the sample marketplace: categories, company names and products in English and 简体中文.

All brands, companies and model names are put together from these lists; none is taken from a real register.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """What is sold in one leaf category. Equal positions of the two lists name the same thing."""

    code: str
    en: str
    zh: str
    median_cny: int
    nouns_en: tuple[str, ...]
    nouns_zh: tuple[str, ...]


@dataclass(frozen=True)
class Department:
    """A parent category; `banned` terms may not appear in its listings, `trade_*` end company names."""

    code: str
    en: str
    zh: str
    trade_en: str
    trade_zh: str
    banned_en: tuple[str, ...]
    banned_zh: tuple[str, ...]
    products: tuple[Product, ...]


def _product(code: str, en: str, zh: str, median_cny: int, nouns_en: str, nouns_zh: str) -> Product:
    return Product(code, en, zh, median_cny, tuple(nouns_en.split(", ")), tuple(nouns_zh.split("、")))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Medians are our choice, in whole yuan, spread over the range that a general marketplace shows.
DEPARTMENTS = (
    Department(
        "electronics", "Electronics", "数码电器", "Electronics", "电子科技",
        ("replica phone", "signal jammer", "cloned IMEI"), ("高仿机", "信号屏蔽器", "改串号"),
        (
            _product("phones", "Phones", "手机", 1899,
                     "Smartphone 128 GB, Smartphone 256 GB, Folding Phone, Senior Phone, Rugged Phone",
                     "智能手机128G、智能手机256G、折叠屏手机、老人手机、三防手机"),
            _product("audio", "Headphones and audio", "耳机音响", 269,
                     "Wireless Earbuds, Over-Ear Headphones, Bluetooth Speaker, Soundbar, Desk Microphone",
                     "无线耳机、头戴式耳机、蓝牙音箱、回音壁、桌面麦克风"),
            _product("computer_accessories", "Computer accessories", "电脑配件", 129,
                     "Mechanical Keyboard, Wireless Mouse, USB-C Hub, Laptop Stand, Webcam 1080p",
                     "机械键盘、无线鼠标、USB-C扩展坞、笔记本支架、高清摄像头"),
        ),
    ),
    Department(
        "home", "Home and kitchen", "家居厨房", "Home", "家居",
        ("asbestos", "ivory carving", "mercury thermometer"), ("石棉", "象牙雕", "水银温度计"),
        (
            _product("cookware", "Cookware", "锅具厨具", 149,
                     "Cast Iron Pan, Wok 32 cm, Chef Knife, Saucepan Set, Chopping Board",
                     "铸铁煎锅、炒锅32厘米、主厨刀、汤锅套装、砧板"),
            _product("bedding", "Bedding", "床上用品", 229,
                     "Duvet Cover Set, Latex Pillow, Linen Sheet, Summer Quilt, Mattress Protector",
                     "四件套、乳胶枕、亚麻床单、夏凉被、床垫保护罩"),
            _product("lighting", "Lighting", "灯具照明", 119,
                     "Desk Lamp, Pendant Light, LED Strip 5 m, Floor Lamp, Night Light",
                     "护眼台灯、吊灯、LED灯带5米、落地灯、小夜灯"),
        ),
    ),
    Department(
        "fashion", "Fashion", "服饰鞋包", "Apparel", "服饰",
        ("replica handbag", "1:1 copy", "counterfeit logo"), ("高仿包", "原单复刻", "A货"),
        (
            _product("outerwear", "Jackets and coats", "外套", 299,
                     "Down Jacket, Rain Coat, Denim Jacket, Wool Coat, Windbreaker",
                     "羽绒服、雨衣外套、牛仔夹克、羊毛大衣、冲锋衣"),
            _product("shoes", "Shoes", "鞋靴", 239,
                     "Running Shoes, Canvas Sneakers, Leather Boots, Sandals, Loafers",
                     "跑步鞋、帆布鞋、真皮短靴、凉鞋、乐福鞋"),
            _product("bags", "Bags", "箱包", 189,
                     "Backpack 20 L, Tote Bag, Cabin Suitcase, Crossbody Bag, Belt Bag",
                     "双肩包20升、托特包、登机箱、斜挎包、腰包"),
        ),
    ),
    Department(
        "beauty", "Beauty and care", "美妆个护", "Beauty", "美妆",
        ("hydroquinone", "prescription cream", "miracle slimming"), ("氢醌", "处方药膏", "三天瘦十斤"),
        (
            _product("skincare", "Skin care", "护肤", 119,
                     "Face Cream 50 ml, Sunscreen SPF 50, Cleansing Foam, Hydrating Serum, Sheet Masks",
                     "面霜50毫升、防晒霜SPF50、洁面泡沫、保湿精华、面膜"),
            _product("hair", "Hair care", "护发", 69,
                     "Shampoo 500 ml, Hair Dryer, Hair Mask, Curling Iron, Wooden Comb",
                     "洗发水500毫升、吹风机、发膜、卷发棒、木梳"),
            _product("makeup", "Make-up", "彩妆", 89,
                     "Lipstick, Eye Shadow Palette, Cushion Foundation, Mascara, Brush Set",
                     "口红、眼影盘、气垫粉底、睫毛膏、化妆刷套装"),
        ),
    ),
    Department(
        "sports", "Sports and outdoors", "运动户外", "Sports", "运动用品",
        ("anabolic steroid", "electric stun", "hunting crossbow"), ("类固醇", "电击器", "狩猎弩"),
        (
            _product("camping", "Camping", "露营", 259,
                     "Tent for 2, Sleeping Bag, Folding Chair, Camp Stove, Head Torch",
                     "双人帐篷、睡袋、折叠椅、露营炉、头灯"),
            _product("cycling", "Cycling", "骑行", 159,
                     "Bike Helmet, Bike Light Set, Cycling Gloves, Floor Pump, Saddle Bag",
                     "骑行头盔、自行车灯套装、骑行手套、落地打气筒、车座包"),
            _product("fitness", "Fitness", "健身", 99,
                     "Yoga Mat, Dumbbell Pair, Skipping Rope, Resistance Bands, Foam Roller",
                     "瑜伽垫、哑铃一对、跳绳、弹力带、泡沫轴"),
        ),
    ),
    Department(
        "family", "Toys and baby", "母婴玩具", "Kids", "母婴用品",
        ("magnet beads", "drop-side cot", "gel pellet gun"), ("磁力珠", "侧拉式婴儿床", "水弹枪"),
        (
            _product("toys", "Toys", "玩具", 79,
                     "Building Blocks, Wooden Train, Plush Bear, Puzzle 1000, Toy Kitchen",
                     "积木、木制火车、毛绒小熊、拼图1000片、过家家厨房"),
            _product("baby", "Baby", "婴儿用品", 109,
                     "Baby Bottle Set, Baby Carrier, Muslin Wraps, High Chair, Baby Monitor",
                     "奶瓶套装、婴儿背带、纱布包巾、餐椅、婴儿监护器"),
            _product("stationery", "Stationery", "文具", 29,
                     "Fountain Pen, Notebook A5, Gel Pens, Pencil Case, Washi Tape",
                     "钢笔、A5笔记本、中性笔、笔袋、和纸胶带"),
        ),
    ),
    Department(
        "food", "Food and drink", "食品饮料", "Foods", "食品",
        ("raw milk", "wild game meat", "unlabelled liquor"), ("生牛乳", "野味", "三无白酒"),
        (
            _product("tea", "Tea", "茶叶", 98,
                     "Green Tea 250 g, Oolong Tea, Pu-erh Cake, Jasmine Tea, Tea Gift Box",
                     "绿茶250克、乌龙茶、普洱茶饼、茉莉花茶、茶叶礼盒"),
            _product("coffee", "Coffee", "咖啡", 88,
                     "Coffee Beans 1 kg, Drip Bags, Instant Coffee, Cold Brew Pack, Decaf Beans",
                     "咖啡豆1公斤、挂耳咖啡、速溶咖啡、冷萃包、低因咖啡豆"),
            _product("snacks", "Snacks", "零食", 35,
                     "Roasted Nuts, Dried Mango, Rice Crackers, Dark Chocolate, Seaweed Snack",
                     "混合坚果、芒果干、米饼、黑巧克力、海苔"),
        ),
    ),
    Department(
        "pets", "Pets and garden", "宠物园艺", "Pets", "宠物用品",
        ("shock collar", "paraquat", "poison bait"), ("电击项圈", "百草枯", "毒饵"),
        (
            _product("dogs", "Dogs", "狗用品", 89,
                     "Dog Bed, Leash 5 m, Chew Toy, Dog Coat, Travel Bowl",
                     "狗窝、牵引绳5米、磨牙玩具、狗狗外套、便携水碗"),
            _product("cats", "Cats", "猫用品", 75,
                     "Cat Tree, Litter Box, Scratching Board, Cat Fountain, Feather Wand",
                     "猫爬架、猫砂盆、猫抓板、饮水机、逗猫棒"),
            _product("garden", "Garden", "园艺", 59,
                     "Pruning Shears, Flower Pot Set, Garden Hose, Seed Mix, Watering Can",
                     "修枝剪、花盆套装、花园水管、混合种子、洒水壶"),
        ),
    ),
)  # fmt: skip

PRODUCTS = tuple(product for department in DEPARTMENTS for product in department.products)
DEPARTMENT_OF = tuple(at for at, department in enumerate(DEPARTMENTS) for _ in department.products)

CITIES = {
    "CN": _words("杭州 广州 深圳 上海 北京 成都 宁波 厦门 苏州 青岛 武汉 长沙 南京 西安 义乌 泉州"),
    "US": _words("Austin Denver Portland Boston Tampa Reno Omaha Tucson"),
    "DE": _words("Hamburg Leipzig Bremen Kassel Mainz Ulm Essen Erfurt"),
    "GB": _words("Bristol Leeds York Cardiff Dundee Exeter Derby Bath"),
    "FR": _words("Lyon Nantes Lille Rennes Dijon Tours Metz Angers"),
    "JP": _words("Osaka Kobe Sendai Nagoya Kyoto Sapporo Chiba Nara"),
    "IT": _words("Torino Bologna Verona Parma Trieste Modena Lecce Udine"),
}
LEGAL_FORMS = {
    "CN": "有限公司",
    "US": " Inc.",
    "DE": " GmbH",
    "GB": " Ltd",
    "FR": " SARL",
    "JP": " K.K.",
    "IT": " S.r.l.",
}

HEADS_EN = _words(
    "Alder Amber Ash Bay Birch Brook Cedar Clover Copper Crest Dale Elm Ember Fair Fern Finch Flint Glen "
    "Gold Hazel Heather High Holly Ivy Juniper Lark Laurel Linden Maple Marsh Moor North Oak Olive Pine "
    "Quill Raven Rowan Silver Willow"
)
TAILS_EN = _words(
    "bank beck bridge brook bury croft dale field ford gate grove ham haven hill hurst land lea ley mere "
    "mont port ridge rise shore stead stone ton vale view well wick wood worth"
)
HEADS_ZH = tuple("云星海山林月晨青锦瑞嘉华安宏远博恒泰优卓凯越新佳悦鼎盛诚信百汇众创易启明朗禾木")
TAILS_ZH = tuple("栖帆源峰泽桥岚川杰达通润和美尚品居创联拓辉阳成丰隆祥康宜雅维航图景致程谷舟")

STYLES_EN = ("Classic", "Modern", "Compact")  # one word per taste of a category, see listings.py
STYLES_ZH = ("经典", "现代", "便携")
QUALITIES_EN = _words(
    "Lightweight Durable Premium Everyday Soft Quiet Foldable Handmade Waterproof Slim Large Eco"
)
QUALITIES_ZH = _words("轻便 耐用 高品质 日常 柔软 静音 可折叠 手工 防水 纤薄 大号 环保")

DESCRIPTIONS_EN = (
    "In stock and sent within two working days. Returns are free for 15 days.",
    "Checked by hand before it leaves our warehouse. One year of guarantee.",
    "A favourite of our customers; please see the size table before you order.",
    "New season, new colours. Write to us for quantities above twenty pieces.",
)
DESCRIPTIONS_ZH = (
    "现货，两个工作日内发出，十五天内免费退货。",
    "出库前逐件检查，质保一年。",
    "店铺热销款，下单前请查看尺码表。",
    "当季新品，多色可选，二十件以上请联系客服。",
)
